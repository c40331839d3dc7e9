// Sigstore's own verifier as the judge: reads {pem, cases: [{keyid, envelope}]} and says for each whether it accepts it.
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { bundleFromJSON } from "@sigstore/bundle";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";

const { pem, cases } = JSON.parse(readFileSync(0, "utf8"));
const key = createPublicKey(pem);
const nobody = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
const trust = toTrustMaterial(nobody, () => ({ publicKey: key, validFor: () => true }));
const verifier = new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });

const answers = cases.map((envelope) => {
  try {
    const bundle = bundleFromJSON({
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: { publicKey: { hint: envelope.signatures[0].keyid } },
      dsseEnvelope: envelope,
    });
    verifier.verify(toSignedEntity(bundle));
    return "";
  } catch (error) {
    return String(error.message || error);
  }
});
console.log(JSON.stringify(answers));
