/// `launch/setup` where it cannot do everything: without root, and in a copied checkout.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct SetupTests {
    /// Runs a copy of `launch/setup` in a folder of its own, with stand-ins for some commands.
    private func setup(
      _ arguments: [String], in folder: TemporaryDirectory, standIns: String
    ) throws -> ProcessRunner.Outcome {
      try FileManager.default.createDirectory(
        atPath: folder.file("launch"), withIntermediateDirectories: false)
      try FileManager.default.copyItem(
        atPath: "\(Job.root)/launch/setup", toPath: folder.file("launch/setup"))
      return try ProcessRunner.run(
        "/usr/bin/env",
        ["bash", "-c", "\(standIns)\nlaunch/setup \"$@\"", "bash"] + arguments,
        directory: folder.path, timeout: Job.patience)
    }

    /// An ordinary user without any of the packages.
    private func user(pkgConfig status: Int) -> String {
      """
      id() { echo 1000; }
      dpkg-query() { :; }
      apt-get() { echo "apt-get was called" >&2; }
      pkg-config() { return \(status); }
      export -f id dpkg-query apt-get pkg-config
      """
    }

    private static let hasSudo = ["/usr/bin/sudo", "/bin/sudo", "/usr/local/bin/sudo"]
      .contains(where: FileManager.default.isExecutableFile)

    @Test(
      "without root the missing packages are named", .disabled(if: hasSudo, "sudo is installed"))
    func missingPackages() throws {
      let outcome = try setup(
        ["--no-build"], in: TemporaryDirectory(), standIns: user(pkgConfig: 1))
      let text = outcome.standardError
      #expect(outcome.exitCode == 1, "\(outcome)")
      #expect(text.contains("administrator"), "\(text)")
      for name in ["libopenmpi-dev", "libarchive-dev", "openblas (headers and library)"] {
        #expect(text.contains(name), "\(text)")
      }
      #expect(!text.contains("was called"), "\(text)")
    }

    @Test("libraries that pkg-config finds count", .disabled(if: hasSudo, "sudo is installed"))
    func otherLibraries() throws {
      let outcome = try setup(
        ["--no-build"], in: TemporaryDirectory(), standIns: user(pkgConfig: 0))
      #expect(outcome.exitCode == 0, "\(outcome)")
      #expect(outcome.standardError.contains("pkg-config finds all"), "\(outcome)")
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
          dpkg-query() { launch/setup --list | sed 's/.*/installed|&|/'; echo 'installed|dataset-fashion-mnist|'; }
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
