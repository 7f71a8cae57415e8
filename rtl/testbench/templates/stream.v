// One stream: the other end of it, and what is expected of the circuit.
module {module}_tb_stream #(
  parameter NAME = "", FILE = "", WIDTH = 1, COUNT = 1,
  parameter ENTERS = 1  // whether the circuit takes the words; else it makes them
) (
  input clk, input rst, input restart, input hold, input [31:0] cycle,
  output reg go,  // this end has a word, or room for one
  input other,  // so has the circuit
  output reg [WIDTH-1:0] offered,
  input [WIDTH-1:0] seen,
  output done
);
  localparam DIGITS = (WIDTH + 3) / 4;
  reg [64 + 4 * DIGITS - 1:0] lines [0:COUNT];  // idle, cycle, word; one more behind the last
  string folder, path;
  integer index;  // words that have moved
  reg [31:0] idle;  // cycles until this end goes on
  reg bad;
  integer bad_index;
  reg [31:0] bad_cycle;
  reg [WIDTH-1:0] bad_word;

  wire [64 + 4 * DIGITS - 1:0] line = lines[index];
  wire [31:0] due = line[4 * DIGITS +: 32];
  wire [WIDTH-1:0] word = line[WIDTH-1:0];
  assign done = index >= COUNT;

  initial begin
    if (!$value$plusargs("DIR=%s", folder)) folder = ".";
    path = $sformatf("%0s/%0s", folder, FILE);
    $readmemh(path, lines);
    go = 0;
    offered = 0;
    index = 0;
    idle = 0;
    bad = 0;
    if (lines[COUNT][4 * DIGITS +: 32] !== 32'h{never}) begin
      $display("FAIL: %0s is not in the folder %0s; +DIR=... says where it is", FILE, folder);
      $fatal(1, "no stimuli");
    end
  end

  always @(clk)
    if (!clk) begin
      if (restart) begin
        go <= 0;
        index <= 0;
        idle <= lines[0][4 * DIGITS + 32 +: 32];
      end else begin
        go <= idle == 0 && !(ENTERS ? done : hold);
        offered <= idle == 0 && !done ? word : ~word;  // while this end idles, anything
        if (idle != 0) idle <= idle - 1;
      end
    end else if (go && other && !rst) begin
      if (!bad && !hold && (cycle !== due || seen !== word)) begin
        bad <= 1;
        bad_index <= index;
        bad_cycle <= cycle;
        bad_word <= seen;
      end
      if (!done) begin
        index <= index + 1;
        idle <= lines[index + 1][4 * DIGITS + 32 +: 32];
      end
    end

  task report;
    reg [64 + 4 * DIGITS - 1:0] wanted;
    begin
      wanted = lines[bad_index];
      if (bad_index < COUNT)
        $display("FAIL %0s %0d: the circuit moved %h in cycle %0d, the model %h in cycle %0d", NAME,
          bad_index, bad_word, bad_cycle, wanted[WIDTH-1:0], wanted[4 * DIGITS +: 32]);
      else
        $display("FAIL %0s %0d: the circuit moved %h in cycle %0d, the model only %0d words", NAME,
          bad_index, bad_word, bad_cycle, COUNT);
      $fatal(1, "circuit and model differ");
    end
  endtask

  task report_late;
    begin
      $display("FAIL %0s %0d: the circuit moved nothing by cycle %0d, the model %h in cycle %0d", NAME,
        index, cycle, word, due);
      $fatal(1, "circuit and model differ");
    end
  endtask
endmodule
