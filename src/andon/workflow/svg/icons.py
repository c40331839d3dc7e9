"""Line icons of the step kinds: SVG path data on a field of 18 by 18 pixels."""

from __future__ import annotations

ICONS = {
    # a head with two eyes and an antenna
    "agent": "M4 6.5H14A2 2 0 0 1 16 8.5V13.5A2 2 0 0 1 14 15.5H4A2 2 0 0 1 2 13.5V8.5A2 2 0 0 1 4 6.5ZM9 6.5V3"
    "M9 2.9V2.8M6.3 10.4V11.6M11.7 10.4V11.6",
    # a prompt
    "command": "M3 5L7.2 9L3 13M9.5 13.5H15.5",
    # head and shoulders
    "human": "M9 8.6A3.2 3.2 0 1 0 9 2.2A3.2 3.2 0 0 0 9 8.6ZM2.8 16C3.4 12.8 5.9 11.3 9 11.3S14.6 12.8 15.2 16",
    # one into three
    "fanout": "M2.5 9H7M7 9C10 9 9.5 3.5 14.5 3.5M7 9H14.5M7 9C10 9 9.5 14.5 14.5 14.5",
    # a clock
    "wait": "M9 16A7 7 0 1 0 9 2A7 7 0 0 0 9 16ZM9 5.2V9L11.6 10.6",
    # a box in a box
    "workflow": "M2.5 2.5H15.5V15.5H2.5ZM6 6H12V12H6Z",
    # up and out
    "publish": "M9 11.5V2.5M5.4 6L9 2.5L12.6 6M2.8 11.5V14.2A1.3 1.3 0 0 0 4.1 15.5H13.9A1.3 1.3 0 0 0 15.2 14.2V11.5",
    # two lines that become one
    "land": "M5 2.5V15.5M5 2.5C5 8 13 6.5 13 12M13 12V15.5M10.6 13.4L13 15.8L15.4 13.4",
}
