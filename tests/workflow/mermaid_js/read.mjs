// Reads a JSON list of Mermaid texts on standard input and prints, for each, what Mermaid itself would draw:
// {ok, nodes: [[id, parent, shape]], edges: [[start, end, label]]} or {ok: false, error}.
import fs from "node:fs";
import { JSDOM } from "jsdom";

const page = new JSDOM("<!DOCTYPE html><body></body>");
global.window = page.window;
global.document = page.window.document;
const mermaid = (await import("mermaid")).default;
mermaid.initialize({ startOnLoad: false, securityLevel: "loose" });

const found = [];
for (const text of JSON.parse(fs.readFileSync(0, "utf8"))) {
  try {
    const diagram = await mermaid.mermaidAPI.getDiagramFromText(text);
    const drawn = diagram.db.getData();
    found.push({
      ok: true,
      nodes: drawn.nodes.map((node) => [node.id, node.parentId ?? null, node.shape ?? null]),
      edges: drawn.edges.map((edge) => [edge.start, edge.end, edge.label ?? null]),
    });
  } catch (error) {
    found.push({ ok: false, error: String(error).slice(0, 300) });
  }
}
fs.writeFileSync(1, JSON.stringify(found));
process.exit(0);
