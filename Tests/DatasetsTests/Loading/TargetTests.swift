/// Targets other than labels, from a source to a batch.

import Datasets
import Tensors
import Testing

/// Images of one pixel with a label, and a map of three numbers that depend on the image.
private struct MappedImages: ImageSource {
  static let map = TargetLayout(name: "map", .float32, count: 3)

  let count = 10
  var name: String { "mapped images" }
  var classNames: [String] { ["a", "b"] }
  var imageShape: ImageShape? { ImageShape(height: 1, width: 1, channels: 3) }
  var fingerprint: String { "mapped" }
  var targetLayouts: [TargetLayout] { [.label, Self.map] }

  func label(at index: Int) -> Int { index % 2 }

  func writeTarget(of index: Int, to target: inout TargetSpace) {
    switch target.layout {
    case .label: target.write(label: label(at: index))
    default: target.write(Self.numbers(index))
    }
  }

  static func numbers(_ index: Int) -> [Float] { (0..<3).map { Float(10 * index + $0) } }

  func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) throws {
    image.reshape(imageShape!)
    image.pixels.update(repeating: UInt8(index))
  }
}

@Suite struct TargetTests {
  private let normalization = Normalization(
    mean: .perChannel([0, 0, 0]), deviation: [1, 1, 1])

  @Test("a loader delivers the requested targets in the requested order", arguments: [1, 3])
  func delivery(workers: Int) throws {
    let source = MappedImages()
    let loader = BatchLoader(
      source: source, normalization: normalization, transform: .none, order: .sequential,
      batchSize: 4, localRange: 1..<4, steps: 0..<3, targets: [MappedImages.map, .label],
      workers: workers)
    var images: [Int] = []
    while true {
      let seen = try loader.withNext { batch in
        (0..<batch.count).map { image in
          let index = Int((batch.pixels[3 * image] * 255).rounded())
          let map = batch.targets.view(
            0, MappedImages.map, images: image..<image + 1, as: Float.self)
          let label = batch.targets.view(1, .label, images: image..<image + 1, as: Int32.self)
          #expect(Array(map.elements) == MappedImages.numbers(index))
          #expect(Int(label[0]) == index % 2)
          return index
        }
      }
      guard let seen else { break }
      images += seen
    }
    #expect(images == [1, 2, 3, 5, 6, 7, 9])
  }

  @Test("a part of a source has its targets")
  func subset() throws {
    let part = Subset(MappedImages(), indices: 4..<8)
    #expect(part.targetLayouts == MappedImages().targetLayouts)
    let loader = BatchLoader(
      source: part, normalization: normalization, transform: .none, order: .sequential,
      batchSize: 4, localRange: 0..<4, steps: 0..<1, targets: [MappedImages.map])
    try loader.withNext { batch in
      let map = batch.targets.view(0, MappedImages.map, images: 0..<1, as: Float.self)
      #expect(Array(map.elements) == MappedImages.numbers(4))
    }
  }

  @Test("targets that a source does not have are named with those that it has")
  func missing() {
    let depth = TargetLayout(name: "depth", .float32, count: 3)
    do throws(MissingTarget) {
      try MappedImages().check(targets: [.label, depth])
      Issue.record("nothing was thrown")
    } catch {
      #expect(error.missing == depth)
      #expect(
        error.description
          == "the network is trained with 'depth' (3 float32), but mapped images has 'label' "
          + "(1 int32) and 'map' (3 float32): use images with these targets")
    }
    #expect(throws: Never.self) { try MappedImages().check(targets: [MappedImages.map]) }
  }
}
