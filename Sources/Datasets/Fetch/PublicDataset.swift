/// The data sets that can be fetched: where they are published, how large they are, their SHA-256.

import Foundation

/// Files that make up a published data set.
public struct PublicDataset: Sendable {
  public struct RemoteFile: Sendable {
    public let url: URL
    public let bytes: Int
    /// In lower-case hexadecimal.
    public let sha256: String

    public init(url: URL, bytes: Int, sha256: String) {
      self.url = url
      self.bytes = bytes
      self.sha256 = sha256
    }

    var name: String { url.lastPathComponent }
    var isArchive: Bool { name.hasSuffix(".tar.gz") }
  }

  /// As on the command line.
  public let name: String
  /// Where `resnet-dist` looks for it by default.
  public let defaultDirectory: String
  public let files: [RemoteFile]
  /// What is there, below the directory, once everything is in place.
  public let contents: [String]

  public init(name: String, defaultDirectory: String, files: [RemoteFile], contents: [String]) {
    self.name = name
    self.defaultDirectory = defaultDirectory
    self.files = files
    self.contents = contents
  }

  /// Krizhevsky 2009; cs.toronto.edu/~kriz/cifar.html.
  public static let cifar10 = PublicDataset(
    name: "cifar10", defaultDirectory: "data/cifar10",
    files: [
      file(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", 170_052_171,
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd")
    ],
    contents: ((1...5).map { "data_batch_\($0).bin" } + ["test_batch.bin"]).map {
      "cifar-10-batches-bin/\($0)"
    })

  /// Krizhevsky 2009; cs.toronto.edu/~kriz/cifar.html.
  public static let cifar100 = PublicDataset(
    name: "cifar100", defaultDirectory: "data/cifar100",
    files: [
      file(
        "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", 168_513_733,
        "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec")
    ],
    contents: ["cifar-100-binary/train.bin", "cifar-100-binary/test.bin"])

  /// Xiao, Rasul & Vollgraf 2017; the bucket that github.com/zalandoresearch/fashion-mnist names.
  public static let fashionMNIST = PublicDataset(
    name: "fashion-mnist", defaultDirectory: "data/fashion-mnist",
    files: [
      fashion(
        "train-images-idx3-ubyte.gz", 26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
      fashion(
        "train-labels-idx1-ubyte.gz", 29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
      fashion(
        "t10k-images-idx3-ubyte.gz", 4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
      fashion(
        "t10k-labels-idx1-ubyte.gz", 5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ],
    contents: [
      "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz",
      "t10k-labels-idx1-ubyte.gz",
    ])

  public static let all = [cifar10, cifar100, fashionMNIST]

  private static func file(_ url: String, _ bytes: Int, _ sha256: String) -> RemoteFile {
    RemoteFile(url: URL(string: url)!, bytes: bytes, sha256: sha256)
  }

  private static func fashion(_ name: String, _ bytes: Int, _ sha256: String) -> RemoteFile {
    file("https://fashion-mnist.s3.eu-central-1.amazonaws.com/\(name)", bytes, sha256)
  }
}
