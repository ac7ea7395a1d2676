/// What is installed: the program, its version, manual page and completions; and its removal.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct InstallTests {
    private static func install(_ arguments: [String]) throws -> ProcessRunner.Outcome {
      try ProcessRunner.run("\(Job.root)/launch/install", arguments)
    }

    private func files(below path: String) throws -> [String] {
      try FileManager.default.subpathsOfDirectory(atPath: path).filter { name in
        var isFolder: ObjCBool = false
        FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isFolder)
        return !isFolder.boolValue
      }.sorted()
    }

    @Test("launch/install puts everything below the prefix, and --uninstall leaves what was there")
    func install() throws {
      let folder = try TemporaryDirectory()
      let target = folder.file("stage/usr/local")
      try FileManager.default.createDirectory(
        atPath: "\(target)/bin", withIntermediateDirectories: true)
      try "mine".write(toFile: "\(target)/bin/other", atomically: true, encoding: .utf8)
      let arguments = ["--prefix", "/usr/local", "--destdir", folder.file("stage")]
      for _ in 0..<2 {
        let outcome = try Self.install(arguments + ["--binary", Job.executable])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      }
      let installed = try files(below: target)
      for file in [
        "bin/resnet-dist", "share/man/man1/resnet-dist.1",
        "share/bash-completion/completions/resnet-dist",
        "share/zsh/site-functions/_resnet-dist",
        "share/fish/vendor_completions.d/resnet-dist.fish", "share/doc/resnet-dist/LICENSE",
        "share/doc/resnet-dist/docs/settings.md", "share/resnet-dist/environment",
      ] { #expect(installed.contains(file), "no \(file)") }
      let list = try String(
        contentsOfFile: "\(target)/share/resnet-dist/installed-files", encoding: .utf8)
      #expect(
        list.split(separator: "\n").map(String.init).sorted()
          == installed.filter { $0 != "bin/other" })
      #expect(try Self.install(arguments + ["--uninstall"]).exitCode == 0)
      #expect(try files(below: folder.file("stage")) == ["usr/local/bin/other"])
      let again = try Self.install(arguments + ["--uninstall"])
      #expect(again.exitCode == 1 && again.standardError.contains("nothing of resnet-dist"))
    }

    @Test("wrong arguments are refused before anything is done")
    func refused() throws {
      for (arguments, word) in [
        (["--prefix", "here"], "'here'"), (["--prefix"], "--prefix needs a value"),
        (["--frobnicate"], "--frobnicate"), (["--binary", "/none"], "/none"),
      ] {
        let outcome = try Self.install(arguments)
        #expect(outcome.exitCode == 2 && outcome.standardError.contains(word), "\(outcome)")
      }
    }

    @Test("--version names the version of the changelog's form, the commit and the libraries")
    func version() throws {
      let outcome = try Job.alone(["--version"])
      #expect(outcome.exitCode == 0)
      let lines = outcome.standardOutput.split(separator: "\n")
      #expect(lines[0].wholeMatch(of: /resnet-dist [0-9]+\.[0-9]+\.[0-9]+/) != nil, "\(lines)")
      let names = lines.dropFirst().map { String($0.prefix { $0 != " " }) }
      #expect(names == ["commit", "build", "kernels", "precision", "MPI", "BLAS"])
      // The commit may be an older one: tests can run on a program that was built before it.
      #expect(
        lines[1].wholeMatch(of: #/.* ([0-9a-f]{12}(, modified)?|unknown: built without git)/#)
          != nil, "\(lines)")
      #expect(lines[5].contains("MPI v") && lines[6].contains("OpenBLAS"))
    }

    @Test("--version tells the build identifier that readelf finds in the program")
    func buildIdentifier() throws {
      guard FileManager.default.fileExists(atPath: "/usr/bin/readelf") else {
        print("skipped: no readelf")
        return
      }
      let notes = try ProcessRunner.run("/usr/bin/readelf", ["--notes", Job.executable])
      let found = try #require(notes.standardOutput.firstMatch(of: /Build ID: ([0-9a-f]+)/))
      #expect(try Job.alone(["--version"]).standardOutput.contains("build      \(found.1)\n"))
    }

    @Test("the manual page has every flag of every command, and groff has no complaint")
    func manual() throws {
      let folder = try TemporaryDirectory()
      let page = try Job.alone(["manual"])
      #expect(page.exitCode == 0)
      for (command, flag) in [("train", "lr-milestones"), ("doctor", "data"), ("top", "once")] {
        #expect(page.standardOutput.contains("\n.SS \(command)\n"), "\(command)")
        #expect(
          page.standardOutput.contains("\\-\\-\(flag.replacing("-", with: "\\-"))"), "\(flag)")
      }
      let help = try Job.alone(["train", "--help"]).standardOutput
      let flags = help.split(separator: "\n").compactMap {
        $0.firstMatch(of: /^  (?:-., )?(--[a-z0-9-]+)/)?.1
      }
      #expect(flags.count > 80)
      for flag in flags where flag != "--help" && flag != "--version" {
        #expect(
          page.standardOutput.contains("\\fB\(flag.replacing("-", with: "\\-"))\\fR"), "\(flag)")
      }
      let path = folder.file("resnet-dist.1")
      try page.standardOutput.write(toFile: path, atomically: true, encoding: .utf8)
      guard try ProcessRunner.run("bash", ["-c", "command -v groff"]).exitCode == 0 else {
        print("skipped: no groff to read the manual page with")
        return
      }
      let read = try ProcessRunner.run("groff", ["-man", "-ww", "-Tutf8", path])
      #expect(read.exitCode == 0 && read.standardError.isEmpty, "\(read.standardError)")
      // Examples keep their lines.
      let text = try ProcessRunner.run(
        "bash", ["-c", "groff -man -Tutf8 '\(path)' | sed 's/\\x1b\\[[0-9;]*m//g; s/.\\x08//g'"])
      #expect(text.standardOutput.contains("\n         mpirun -n 2 resnet-dist bench\n"))
    }

    @Test(
      "bash completes commands, flags of settings and their values",
      arguments: [
        (["do"], ["doctor"]), (["train", "--warmup-m"], ["--warmup-method"]),
        (["train", "--precision", ""], ["fp32", "bf16", "bf16-amx"]),
        (["train", "--nest"], ["--nesterov"]),
        (["train", "--arch", "resnext50"], ["resnext50_32x4d"]),
        (["doctor", "--recipe", "goyal"], ["goyal2017"]), (["top", "/us"], ["/usr"]),
        (["train", "--run-dir", "/us"], ["/usr"]), (["eval", "--weights", "/us"], ["/usr"]),
        (["data", "fetch", "fash"], ["fashion-mnist"]),
      ])
    func completion(words: [String], expected: [String]) throws {
      let script = """
        source <("$0" --generate-completion-script bash)
        COMP_WORDS=(resnet-dist "$@") COMP_CWORD=$# COMP_LINE="resnet-dist $*" COMP_POINT=999 COMPREPLY=()
        _resnet-dist resnet-dist "${COMP_WORDS[$#]}" "${COMP_WORDS[$# - 1]}"
        printf '%s\\n' "${COMPREPLY[@]}"
        """
      let outcome = try ProcessRunner.run("bash", ["-c", script, Job.executable] + words)
      #expect(
        outcome.standardOutput.split(separator: "\n").map(String.init) == expected,
        "\(outcome.standardError)")
    }
  }
}
