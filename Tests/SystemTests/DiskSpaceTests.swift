/// Free space, against coreutils' df.

import Foundation
import System
import TestSupport
import Testing

@Suite struct DiskSpaceTests {
  @Test("a folder that is not there yet has the space of the nearest above it, as df says")
  func space() throws {
    let folder = try TemporaryDirectory()
    let space = try DiskSpace(of: folder.file("runs/first/checkpoints"))
    #expect(space.folder == folder.path && space.isWritable)
    let outcome = try ProcessRunner.run("df", ["--output=avail", "-B1", folder.path])
    let available = try #require(
      outcome.standardOutput.split(separator: "\n").last.flatMap {
        Double($0.trimmingCharacters(in: .whitespaces))
      })
    // Others write meanwhile.
    #expect(abs(Double(space.free) - available) < 1e9)
    #expect(try DiskSpace(of: "/no such folder/run").folder == "/")
    #expect(try DiskSpace(of: "no such folder").folder == ".")
  }
}
