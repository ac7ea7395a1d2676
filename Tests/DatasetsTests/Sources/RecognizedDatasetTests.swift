/// Data sets told by their files.

import Datasets
import Foundation
import TestSupport
import Testing

@Suite struct RecognizedDatasetTests {
  @Test(
    "a folder's files tell which data set it holds",
    arguments: [
      ("data_batch_1.bin", .cifar10), ("cifar-10-batches-bin/test_batch.bin", .cifar10),
      ("cifar-100-binary/train.bin", .cifar100), ("fine_label_names.txt", .cifar100),
      ("train-images-idx3-ubyte.gz", .fashionMNIST), ("train-0.tar", .tarShards),
      ("train/cat/1.jpg", .imageFolder), ("cat/1.jpg", .imageFolder), ("notes.txt", nil),
    ] as [(String, DatasetName?)])
  func folder(file: String, expected: DatasetName?) throws {
    let folder = try TemporaryDirectory()
    let path = URL(fileURLWithPath: folder.file(file))
    try FileManager.default.createDirectory(
      at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data().write(to: path)
    #expect(DatasetName.recognized(at: folder.path) == expected)
  }

  @Test("a pattern of tar files is one of shards; what is not there is nothing")
  func others() {
    #expect(DatasetName.recognized(at: "/data/train-{0000..0146}.tar") == .tarShards)
    #expect(DatasetName.recognized(at: "/no/such/folder") == nil)
  }

  @Test("a folder that tells no data set is not taken for one without Fashion-MNIST's files")
  func unrecognized() throws {
    let folder = try TemporaryDirectory()
    func refuses(_ directory: String, _ error: DatasetError) {
      #expect(throws: error) {
        try DatasetName.fashionMNIST.open(
          .train, directory: directory, decoding: ImageDecoding(), seed: 0)
      }
    }
    refuses(folder.file("none"), .noFolder(path: folder.file("none")))
    refuses(folder.path, .unknownData(path: folder.path))
    try write(Fixture.bytes("grey.png"), to: folder.file("1.png"))
    refuses(folder.path, .noClasses(path: folder.path))
  }
}
