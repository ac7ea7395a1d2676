/// The folders that divide an image folder into its splits, told by their names.

import Foundation

enum SplitFolders {
  /// What a split's folder may be called; the first of these that is there is taken.
  static func names(of split: DatasetSplit) -> [String] {
    switch split {
    case .train: ["train", "training"]
    case .test: ["test", "val", "validation", "valid"]
    }
  }

  /// Whether a folder's name is a split's, whatever its case.
  static func isSplit(_ name: String) -> Bool {
    let name = name.lowercased()
    return names(of: .train).contains(name) || names(of: .test).contains(name)
  }

  /// The name of a split's folder in `directory`; nil: there is none.
  static func name(of split: DatasetSplit, in directory: String) -> String? {
    let folders = ((try? ImageFiles.visibleNames(in: directory)) ?? []).filter {
      isSplit($0) && isFolder(directory + "/" + $0)
    }
    // Of names that differ in case alone, lower case is sorted last.
    return names(of: split).compactMap { name in folders.last { $0.lowercased() == name } }.first
  }
}
