/// What the environment says about the console.

import Console
import Glibc
import Testing

@Suite struct StandardConsoleTests {
  /// A pseudo-terminal 91 columns wide.
  private func withTerminal(_ body: (Int32) throws -> Void) throws {
    let controller = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    defer { close(controller) }
    var locked: Int32 = 0
    var number: Int32 = -1
    #expect(ioctl(controller, 0x4004_5431, &locked) == 0)  // TIOCSPTLCK
    #expect(ioctl(controller, 0x8004_5430, &number) == 0)  // TIOCGPTN
    let terminal = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
    try #require(terminal >= 0)
    defer { close(terminal) }
    var size = winsize(ws_row: 24, ws_col: 91, ws_xpixel: 0, ws_ypixel: 0)
    #expect(ioctl(terminal, UInt(TIOCSWINSZ), &size) == 0)
    try body(terminal)
  }

  @Test("a terminal tells its width and takes colour")
  func terminal() throws {
    try withTerminal { terminal in
      let console = StandardConsole(descriptor: terminal, environment: ["TERM": "xterm"])
      #expect(console.isTerminal && console.usesColor && console.usesUnicode)
      #expect(console.width == 91)
      var size = winsize(ws_row: 24, ws_col: 40, ws_xpixel: 0, ws_ypixel: 0)
      #expect(ioctl(terminal, UInt(TIOCSWINSZ), &size) == 0)
      #expect(console.width == 40)
    }
  }

  @Test("NO_COLOR, TERM=dumb, COLUMNS and the locale are honoured")
  func environment() throws {
    try withTerminal { terminal in
      let plain = StandardConsole(
        descriptor: terminal, environment: ["TERM": "xterm", "NO_COLOR": "1", "LC_ALL": "C"])
      #expect(plain.isTerminal && !plain.usesColor && !plain.usesUnicode)
      let dumb = StandardConsole(
        descriptor: terminal, environment: ["TERM": "dumb", "COLUMNS": "60"])
      #expect(!dumb.isTerminal && !dumb.usesColor)
      #expect(dumb.width == 60)
    }
  }

  @Test("the terminal that Open MPI gives each rank does not count without a launcher on one")
  func rankTerminal() throws {
    try withTerminal { terminal in
      let console = StandardConsole(
        descriptor: terminal, environment: ["TERM": "xterm", "OMPI_COMM_WORLD_RANK": "0"])
      #expect(!console.isTerminal)
    }
  }

  @Test("a pipe is no terminal and 80 columns wide")
  func pipe() {
    var ends: [Int32] = [0, 0]
    #expect(Glibc.pipe(&ends) == 0)
    defer { ends.forEach { close($0) } }
    let console = StandardConsole(descriptor: ends[1], environment: ["TERM": "xterm"])
    #expect(!console.isTerminal && !console.usesColor)
    #expect(console.width == 80)
    console.write("epoch\n")
    var bytes = [UInt8](repeating: 0, count: 16)
    #expect(read(ends[0], &bytes, 16) == 6)
  }

  @Test("a result that is lost is an error, unless its reader went away; a log's line is none")
  func lostResult() {
    let full = open("/dev/full", O_WRONLY)
    defer { close(full) }
    let console = StandardConsole(descriptor: full, environment: [:])
    console.write("epoch\n")
    let error = #expect(throws: (any Error).self) { try console.writeResultLine("{}") }
    #expect(
      error.map { "\($0)" }?.hasPrefix(
        "cannot write the result to standard output: No space left on device") == true)

    signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [0, 0]
    #expect(Glibc.pipe(&ends) == 0)
    close(ends[0])
    defer { close(ends[1]) }
    let closed = StandardConsole(descriptor: ends[1], environment: [:])
    #expect(throws: Never.self) { try closed.writeResult("{}\n") }
  }
}
