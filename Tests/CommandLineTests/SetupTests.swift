/// `launch/setup` where it cannot do everything: without root, and in a copied checkout.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct SetupTests {
    /// Runs a copy of `launch/setup` in a folder of its own, with stand-ins for some commands; it links the program into
    /// the folder's `bin` instead of the machine's.
    private func setup(
      _ arguments: [String], in folder: TemporaryDirectory, home: String? = "/proc/none",
      standIns: String
    ) throws -> ProcessRunner.Outcome {
      try FileManager.default.createDirectory(
        atPath: folder.file("launch"), withIntermediateDirectories: true)
      for name in ["setup", "environment"] {
        let text = try String(contentsOfFile: "\(Job.root)/launch/\(name)", encoding: .utf8)
        try text.replacing("=/usr/local/bin", with: "=\(folder.file("bin"))").write(
          toFile: folder.file("launch/\(name)"), atomically: true, encoding: .utf8)
      }
      return try ProcessRunner.run(
        "/usr/bin/env",
        ["bash", "-c", "\(standIns)\nbash launch/setup \"$@\"", "bash"] + arguments,
        environment: ["HOME": home], directory: folder.path, timeout: Job.patience)
    }

    /// Users without root: no sudo, one that refuses, and one that allows other commands only.
    static let users = [
      "command() { [ \"$2\" != sudo ] && builtin command \"$@\"; }; export -f command",
      "sudo() { return 1; }; export -f sudo",
      "sudo() { [ \"$2\" = true ]; }; export -f sudo",
    ]

    /// An ordinary user without any of the packages.
    private func user(_ sudo: String, pkgConfig status: Int) -> String {
      """
      \(sudo)
      id() { echo 1000; }
      dpkg-query() { :; }
      apt-get() { echo "apt-get was called" >&2; }
      pkg-config() { return \(status); }
      export -f id dpkg-query apt-get pkg-config
      """
    }

    @Test("without root the missing packages are named", arguments: users)
    func missingPackages(user sudo: String) throws {
      let outcome = try setup(
        ["--no-build"], in: TemporaryDirectory(), standIns: user(sudo, pkgConfig: 1))
      let text = outcome.standardError
      #expect(outcome.exitCode == 1, "\(outcome)")
      #expect(text.contains("administrator"), "\(text)")
      for name in ["libopenmpi-dev", "libarchive-dev", "openblas (headers and library)"] {
        #expect(text.contains(name), "\(text)")
      }
      #expect(!text.contains("was called"), "\(text)")
    }

    @Test("libraries that pkg-config finds count", arguments: users)
    func otherLibraries(user sudo: String) throws {
      let outcome = try setup(
        ["--no-build"], in: TemporaryDirectory(), standIns: user(sudo, pkgConfig: 0))
      #expect(outcome.exitCode == 0, "\(outcome)")
      #expect(outcome.standardError.contains("pkg-config finds all"), "\(outcome)")
    }

    /// A machine with all packages, and a compiler that makes a program at once.
    private static let builder = """
      dpkg-query() { bash launch/setup --list | sed 's/.*/installed|&|/'; echo 'installed|dataset-fashion-mnist|'; }
      apt-get() { :; }
      swift() {
        if [ "$1" = --version ]; then echo 'Swift version 6.2'; return; fi
        mkdir -p .build/release && cp "$(type -P true)" .build/release/resnet-dist
      }
      export -f dpkg-query apt-get swift
      """

    @Test("another checkout's program keeps its link from launch/run, and launch/setup names it")
    func linkOfAnother() throws {
      let folder = try TemporaryDirectory()
      let (link, other) = (folder.file("bin/resnet-dist"), folder.file("other"))
      let manager = FileManager.default
      try manager.createDirectory(
        atPath: folder.file("bin"), withIntermediateDirectories: false)
      try manager.createSymbolicLink(atPath: link, withDestinationPath: other)
      try "".write(toFile: other, atomically: true, encoding: .utf8)
      func target() throws -> String {
        URL(fileURLWithPath: try manager.destinationOfSymbolicLink(atPath: link))
          .resolvingSymlinksInPath().path
      }
      let own =
        URL(fileURLWithPath: folder.path).resolvingSymlinksInPath().path
        + "/.build/release/resnet-dist"
      let quiet = try setup(["--quiet"], in: folder, standIns: Self.builder)
      #expect(quiet.exitCode == 0 && !quiet.standardError.contains("link"), "\(quiet)")
      #expect(try target().hasSuffix("/other"))
      let loud = try setup([], in: folder, standIns: Self.builder)
      #expect(loud.exitCode == 0, "\(loud)")
      #expect(loud.standardError.contains("\(link) was a link to \(other) until now"), "\(loud)")
      #expect(try target() == own)
      // A program that is gone has no use for it.
      try manager.removeItem(atPath: link)
      try manager.removeItem(atPath: other)
      try manager.createSymbolicLink(atPath: link, withDestinationPath: other)
      #expect(try setup(["--quiet"], in: folder, standIns: Self.builder).exitCode == 0)
      #expect(try target() == own)
    }

    @Test(
      "where no folder for a link can be written, it is left out", arguments: ["/proc/none", nil])
    func noLink(home: String?) throws {
      for flags in [["--quiet"], []] {
        let outcome = try setup(flags, in: TemporaryDirectory(), home: home, standIns: Self.builder)
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(
          outcome.standardError.contains("no folder for a link") == flags.isEmpty, "\(outcome)")
      }
    }

    @Test(
      "a checkout that was built elsewhere is built anew, with the packages it has",
      arguments: [true, false])
    func copiedCheckout(isCopy: Bool) throws {
      let folder = try TemporaryDirectory()
      for name in ["release/ModuleCache", "checkouts/Yams"] {
        try FileManager.default.createDirectory(
          atPath: folder.file(".build/\(name)"), withIntermediateDirectories: true)
      }
      let root = URL(fileURLWithPath: folder.path).resolvingSymlinksInPath().path
      try "  inputs: [\"\(isCopy ? "/elsewhere" : root)/Sources/\"]\n".write(
        toFile: folder.file(".build/release.yaml"), atomically: true, encoding: .utf8)
      // The stand-in for the build fails, so that nothing is linked into the machine's folders.
      let outcome = try setup(
        [], in: folder,
        standIns: """
          dpkg-query() { bash launch/setup --list | sed 's/.*/installed|&|/'; echo 'installed|dataset-fashion-mnist|'; }
          apt-get() { :; }
          swift() { if [ "$1" = --version ]; then echo 'Swift version 6.2'; else echo building >&2; return 1; fi; }
          export -f dpkg-query apt-get swift
          """)
      #expect(outcome.exitCode == 1 && outcome.standardError.hasSuffix("building\n"), "\(outcome)")
      #expect(outcome.standardError.contains("built in another folder") == isCopy, "\(outcome)")
      let manager = FileManager.default
      #expect(manager.fileExists(atPath: folder.file(".build/release/ModuleCache")) == !isCopy)
      #expect(manager.fileExists(atPath: folder.file(".build/checkouts/Yams")))
    }
  }
}
