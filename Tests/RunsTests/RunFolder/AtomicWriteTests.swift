/// Files and folders that appear whole or not at all.

import Foundation
import Glibc
import Runs
import Testing
import System

@Suite struct AtomicWriteTests {
  @Test("a file is replaced and nothing else is left beside it")
  func replacesFile() throws {
    let scratch = try ScratchFolder()
    try scratch.put("old", "a.txt")
    try AtomicFile.write("new", to: scratch.path + "/a.txt")
    #expect(try scratch.text("a.txt") == "new")
    #expect(try scratch.names == ["a.txt"])
  }

  @Test("a file's parent that does not exist gives its path and the system's reason")
  func missingParent() throws {
    let scratch = try ScratchFolder()
    let path = scratch.path + "/no/a.txt"
    #expect(throws: FileError.failed(operation: "open", path: path, code: ENOENT)) {
      try AtomicFile.write("x", to: path)
    }
  }

  @Test("a rename that fails leaves the target as it was and no temporary")
  func failedRename() throws {
    let scratch = try ScratchFolder()
    try FileManager.default.createDirectory(
      atPath: scratch.path + "/taken", withIntermediateDirectories: true)
    #expect(throws: FileError.self) { try AtomicFile.write("x", to: scratch.path + "/taken") }
    #expect(try scratch.names == ["taken"])
  }

  @Test("a folder appears with everything in it")
  func createsFolder() throws {
    let scratch = try ScratchFolder()
    try AtomicDirectory.create(at: scratch.path + "/step-1") { temporary in
      #expect(!FileManager.default.fileExists(atPath: scratch.path + "/step-1"))
      try "a".write(toFile: temporary + "/a", atomically: false, encoding: .utf8)
      try FileManager.default.createDirectory(
        atPath: temporary + "/sub", withIntermediateDirectories: false)
      try "b".write(toFile: temporary + "/sub/b", atomically: false, encoding: .utf8)
    }
    #expect(try scratch.names == ["step-1"])
    #expect(try scratch.text("step-1/sub/b") == "b")
  }

  @Test("a folder whose filling fails never appears")
  func failedFill() throws {
    struct Interrupted: Error {}
    let scratch = try ScratchFolder()
    #expect(throws: Interrupted.self) {
      try AtomicDirectory.create(at: scratch.path + "/step-1") { temporary in
        try "a".write(toFile: temporary + "/a", atomically: false, encoding: .utf8)
        throw Interrupted()
      }
    }
    #expect(try scratch.names.isEmpty)
  }

  @Test("a folder's name is never used twice")
  func neverReused() throws {
    let scratch = try ScratchFolder()
    let path = scratch.path + "/step-1"
    try AtomicDirectory.create(at: path) { _ in }
    #expect(throws: FileError.alreadyExists(path: path)) {
      try AtomicDirectory.create(at: path) { _ in }
    }
  }

  @Test("a write past a full device says that the disk is full and what to do")
  func fullDisk() throws {
    let scratch = try ScratchFolder()
    let folder = try RunFolder(creating: scratch.path + "/x")
    for path in [folder.configPath, "\(folder.checkpointPath(step: 1))/model.safetensors"] {
      #expect(
        "\(FileError.failed(operation: "write", path: path, code: ENOSPC))"
          == "cannot write \(path): No space left on device; "
          + "free some space or choose another --run-dir")
    }
  }
}
