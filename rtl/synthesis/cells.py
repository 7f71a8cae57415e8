"""The standard cells that circuits are counted in: areas, functions, and both as Liberty for Yosys.

Obeys: ``gscl45nm.lib``, the cells of Oklahoma State University for FreePDK45, in which SALO's artifact was
synthesized: the areas of its smallest cells, in square micrometers, and their functions. Delays are left out,
so what is mapped to these cells is as small as the mapper can make it, at whatever speed.
"""

from __future__ import annotations

import re

from tandemsim.sim.arch.cells import NAND2_UM2

# gscl45nm.lib. A cell is 2.47 um high; a track of its width is 0.19 um.
GATES = {
    "INVX1": (1.4079, "(!A)"),
    "BUFX2": (2.3465, "A"),
    "AND2X1": (2.3465, "(A B)"),
    "OR2X1": (2.3465, "(A+B)"),
    "NAND2X1": (NAND2_UM2, "(!(A B))"),
    "NAND3X1": (2.3465, "(!((A B) C))"),
    "NOR2X1": (2.3465, "(!(A+B))"),
    "NOR3X1": (2.8158, "(!((A+B)+C))"),
    "AOI21X1": (2.8158, "(!((A B)+C))"),
    "AOI22X1": (3.2851, "(!((C D)+(A B)))"),
    "OAI21X1": (2.8158, "(!((A+B) C))"),
    "MUX2X1": (3.7544, "(!((S A)+(!S B)))"),
    "XOR2X1": (4.6930, "(A^B)"),
    "XNOR2X1": (4.6930, "(!(A^B))"),
}
FLIP_FLOP = ("DFFPOSX1", 7.9781)
FULL_ADDER = ("FAX1", 8.9167)

FULL_ADDER_BLACKBOX = "(* blackbox *) module FAX1(input A, B, C, output YC, YS); endmodule\n"
# Puts the cell in the place of Yosys's own full adders.
FULL_ADDER_MAP = """\
(* techmap_celltype = "$fa" *)
module full_adders(A, B, C, X, Y);
  parameter WIDTH = 1;
  input [WIDTH-1:0] A, B, C;
  output [WIDTH-1:0] X, Y;
  genvar i;
  generate for (i = 0; i < WIDTH; i = i + 1) begin : bits
    FAX1 adder(.A(A[i]), .B(B[i]), .C(C[i]), .YC(X[i]), .YS(Y[i]));
  end endgenerate
endmodule
"""


def liberty() -> str:
    """Return the cells as a Liberty library without delays."""
    cells = [_cell(name, area, _pins(function, "Y")) for name, (area, function) in GATES.items()]
    name, area = FLIP_FLOP
    state = 'ff(IQ, IQN) { next_state : "D"; clocked_on : "CLK"; }'
    cells.append(_cell(name, area, [state, _input("CLK"), _input("D"), _output("Q", "IQ")]))
    name, area = FULL_ADDER
    outputs = [_output("YC", "(((A B)+(B C))+(C A))"), _output("YS", "((A^B)^C)")]
    cells.append(_cell(name, area, [*map(_input, "ABC"), *outputs]))
    return "library(cells) {\n" + "".join(cells) + "}\n"


def _pins(function: str, output: str) -> list[str]:
    return [*map(_input, sorted(set(re.findall(r"[A-Z]", function)))), _output(output, function)]


def _input(name: str) -> str:
    return f"pin({name}) {{ direction : input; }}"


def _output(name: str, function: str) -> str:
    return f'pin({name}) {{ direction : output; function : "{function}"; }}'


def _cell(name: str, area: float, parts: list[str]) -> str:
    return f"  cell({name}) {{\n    area : {area};\n" + "".join(f"    {part}\n" for part in parts) + "  }\n"
