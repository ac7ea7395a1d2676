/// Checkpoints of `torch.save` are read as PyTorch reads them.

import PyTorchFiles
import TestSupport
import Testing

@Suite struct CheckpointTests {
  @Test(
    "a state dictionary is read, by itself and where training scripts put it",
    arguments: [
      "state", "protocol5", "nested-state_dict", "nested-model", "nested-model_state_dict",
    ])
  func stateDictionary(name: String) throws {
    let path = CheckpointFixture.path(name)
    #expect(PyTorchFile.isLikely(path))
    let file = try PyTorchFile(contentsOf: path)
    #expect(
      file.entries.map(\.name) == [
        "conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var",
        "bn1.num_batches_tracked",
      ])
    #expect(file.entries.last?.type == .int64)
    let tensors = try CheckpointFixture.tensors(path)
    #expect(tensors.count == 5)
    #expect(tensors["conv1.weight"]?.shape == [2, 1, 2, 2])
    #expect(tensors["conv1.weight"]?.values == (0..<8).map { Float($0) / 4 - 0.5 })
    #expect(tensors["bn1.running_var"]?.values == [1, 1])
    #expect(tensors["bn1.bias"]?.values == [0, 0])
  }

  @Test("parameters are tensors")
  func parameters() throws {
    let tensors = try CheckpointFixture.tensors(CheckpointFixture.path("parameters"))
    #expect(tensors["weight"]?.shape == [2, 3])
    #expect(tensors["weight"]?.values == [0, 1, 2, 3, 4, 5])
  }

  @Test("every floating-point type is read as Float32; integers and truth values are named only")
  func types() throws {
    let path = CheckpointFixture.path("types")
    let tensors = try CheckpointFixture.tensors(path)
    #expect(Set(tensors.keys) == ["float64", "float32", "float16", "bfloat16"])
    for (name, tensor) in tensors {
      #expect(tensor.values == (0..<8).map { Float($0) / 2 - 2 }, "\(name)")
    }
    let entries = try PyTorchFile(contentsOf: path).entries
    #expect(entries.first { $0.name == "int64" }?.type == .int64)
    #expect(entries.first { $0.name == "bool" }?.type == .bool)
  }

  @Test("tensors that are windows on a storage are read by their strides")
  func views() throws {
    let tensors = try CheckpointFixture.tensors(CheckpointFixture.path("views"))
    let base = (0..<24).map(Float.init)
    #expect(tensors["whole"]?.values == base)
    #expect(tensors["permuted"]?.shape == [4, 2, 3])
    var permuted: [Float] = []
    for k in 0..<4 {
      for i in 0..<2 {
        for j in 0..<3 { permuted.append(base[12 * i + 4 * j + k]) }
      }
    }
    #expect(tensors["permuted"]?.values == permuted)
    #expect(tensors["sliced"]?.shape == [2, 3])
    #expect(tensors["sliced"]?.values == [7, 9, 11, 19, 21, 23])
    #expect(tensors["channels_last"]?.shape == [1, 2, 3, 4])
    #expect(tensors["channels_last"]?.values == base)
    #expect(tensors["scalar"]?.shape == [])
    #expect(tensors["scalar"]?.values == [7])
    #expect(tensors["empty"]?.shape == [0, 5])
    #expect(tensors["empty"]?.values == [])
  }

  @Test("sizes beyond 32 bits stand in zip64 fields", arguments: [false, true])
  func wide(isWide: Bool) throws {
    let folder = try TemporaryDirectory()
    let weight = Pickle.tensor(offset: 1, shape: [2, 3], strides: [1, 2])
    let tensors = try CheckpointFixture.tensors(
      Pickle.checkpoint(weight: weight, wide: isWide), in: folder)
    #expect(tensors["weight"]?.shape == [2, 3])
    #expect(tensors["weight"]?.values == [1, 3, 5, 2, 4, 6])
  }

  @Test("the stride of a dimension of size 1 may be anything")
  func unusedStride() throws {
    let weight = Pickle.tensor(offset: 1, shape: [1, 3, 1], strides: [.max, 2, .max])
    let tensors = try CheckpointFixture.tensors(
      Pickle.checkpoint(weight: weight), in: TemporaryDirectory())
    #expect(tensors["weight"]?.shape == [1, 3, 1])
    #expect(tensors["weight"]?.values == [1, 3, 5])
  }
}
