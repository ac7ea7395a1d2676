/// Before each build, writes the commit that is built into a source file of `BuildInformation`.

import Foundation
import PackagePlugin

/// The file is written anew only where the commit has changed, so that other builds compile nothing.
@main
struct RecordCommit: BuildToolPlugin {
  /// $1: the package's folder, $2: the file. Without git, or outside of a checkout, there is no commit.
  private static let script = """
    root=$1 file=$2
    git() { command git -C "$root" "$@" 2>/dev/null; }
    commit=nil modified=false
    if [ "$(git rev-parse --show-prefix)" = "" ] && hash=$(git rev-parse --short=12 HEAD); then
      commit="\\"$hash\\""
      git diff --quiet HEAD -- || modified=true
    fi
    text="enum RecordedCommit {
      static let hash: String? = $commit
      static let isModified = $modified
    }"
    if [ "$text" != "$(cat "$file" 2>/dev/null)" ]; then printf '%s\\n' "$text" >"$file"; fi
    """

  func createBuildCommands(context: PluginContext, target: Target) -> [Command] {
    let folder = context.pluginWorkDirectoryURL
    return [
      .prebuildCommand(
        displayName: "Recording the commit",
        executable: URL(fileURLWithPath: "/bin/sh"),
        arguments: [
          "-c", Self.script, "sh", context.package.directoryURL.path,
          folder.appendingPathComponent("RecordedCommit.swift").path,
        ],
        outputFilesDirectory: folder)
    ]
  }
}
