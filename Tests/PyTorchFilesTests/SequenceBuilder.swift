/// Hand-made checkpoints of the format from before PyTorch 1.6, part by part.

/// The parts of a file that is right until a test changes one of them.
struct SequenceBuilder {
  /// 0x1950a86a20f9469cfc6c
  var magic: [UInt8] =
    Pickle.begin + [0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
    + Pickle.end
  var version: [UInt8] = Pickle.whole(Pickle.number(1001))
  var system = Pickle.whole(Pickle.dictionary([("little_endian", [0x88])]))
  /// One tensor, `weight`, on the storage `0` of eight Float32.
  var object = Pickle.whole(
    Pickle.dictionary([("weight", Pickle.tensor(shape: [8], strides: [1]))]))
  var keys: [UInt8] = SequenceBuilder.list(["0"])
  /// Elements of the storage.
  var count: UInt64 = 8
  var values: [UInt8] = (0..<8).flatMap { little(UInt64(Float($0).bitPattern), 4) }

  /// A pickled list of texts.
  static func list(_ keys: [String]) -> [UInt8] {
    Pickle.whole(Pickle.list(keys.map(Pickle.text)))
  }

  mutating func set(weight: [UInt8]) {
    object = Pickle.whole(Pickle.dictionary([("weight", weight)]))
  }

  var parts: [[UInt8]] { [magic, version, system, object, keys, little(count, 8), values] }
  var bytes: [UInt8] { Array(parts.joined()) }
}
