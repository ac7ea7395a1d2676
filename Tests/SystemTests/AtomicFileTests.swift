/// Files that are written to places that hold something else than a file.

import Foundation
import Glibc
import System
import TestSupport
import Testing

@Suite struct AtomicFileTests {
  private func kind(_ path: String) -> mode_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & S_IFMT : 0
  }

  @Test("a pipe's reader gets the bytes, and the pipe stays")
  func pipe() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("pipe")
    #expect(mkfifo(path, 0o600) == 0)
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    try AtomicFile.write("result\n", to: path)
    var bytes = [UInt8](repeating: 0, count: 16)
    #expect(read(reader, &bytes, 16) == 7)
    #expect(kind(path) == S_IFIFO)
    #expect(throws: FileError.alreadyExists(path: path)) {
      try AtomicFile.move(folder.file("none"), to: path)
    }
  }

  @Test("a device is written to, and what it refuses is an error")
  func device() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("full")
    // Through a link, so that the machine keeps its device whatever happens.
    #expect(symlink("/dev/full", path) == 0)
    #expect(throws: FileError.failed(operation: "write", path: path, code: ENOSPC)) {
      try AtomicFile.write("result\n", to: path)
    }
    #expect(kind(path) == S_IFLNK)
  }

  @Test("a symbolic link stays, and the file that it leads to is replaced or made")
  func links() throws {
    let folder = try TemporaryDirectory()
    let files = FileManager.default
    try files.createDirectory(atPath: folder.file("other"), withIntermediateDirectories: false)
    try "old".write(toFile: folder.file("other/file"), atomically: false, encoding: .utf8)
    #expect(symlink("other/file", folder.file("first")) == 0)
    #expect(symlink("first", folder.file("second")) == 0)
    #expect(symlink(folder.file("other/new"), folder.file("third")) == 0)
    try AtomicFile.write("new", to: folder.file("second"))
    try AtomicFile.write("made", to: folder.file("third"))
    #expect(try String(contentsOfFile: folder.file("other/file"), encoding: .utf8) == "new")
    #expect(try String(contentsOfFile: folder.file("other/new"), encoding: .utf8) == "made")
    #expect(["first", "second", "third"].allSatisfy { kind(folder.file($0)) == S_IFLNK })
    let names = try files.contentsOfDirectory(atPath: folder.file("other")).sorted()
    #expect(names == ["file", "new"])
    #expect(symlink("round", folder.file("round")) == 0)
    #expect(throws: FileError.self) { try AtomicFile.write("x", to: folder.file("round")) }
  }

  @Test("another --run-dir is advised for files of a run alone")
  func advice() throws {
    let folder = try TemporaryDirectory()
    func text(_ path: String, _ code: Int32) -> String {
      "\(FileError.failed(operation: "write", path: path, code: code))"
    }
    let path = folder.file("predictions.csv")
    #expect(text(path, ENOSPC).hasSuffix("No space left on device; free some space"))
    #expect(text(path, EACCES).hasSuffix("; choose another place that you may write to"))
  }
}
