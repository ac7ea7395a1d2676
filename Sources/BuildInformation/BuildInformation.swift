/// Which resnet-dist this is: its version and the commit that it was built from.

package enum BuildInformation {
  /// By semantic versioning; `CHANGELOG.md` says what changed.
  package static let version = "0.1.0"

  /// The commit, followed by `, modified` if files were changed after it; nil if it was built without git.
  @inline(never)
  package static func commit() -> String? {
    RecordedCommit.hash.map { $0 + (RecordedCommit.isModified ? ", modified" : "") }
  }

  /// Version and commit on one line.
  package static var name: String {
    "resnet-dist \(version)" + (commit().map { " (\($0))" } ?? "")
  }
}
