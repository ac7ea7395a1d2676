/// The objects of a training image, as a detector's losses and proposals read them.

import Randomness
import Tensors

/// An object of a training image.
package struct TargetObject: Hashable, Sendable {
  /// x1, y1, x2, y2 in pixels of the network's input.
  package var box: SIMD4<Float>
  /// From 1 on; 0 is the background.
  package var label: Int
  /// Whether it is a crowd: what lies in it is neither an object nor background.
  package var isCrowd: Bool

  package init(box: SIMD4<Float>, label: Int, isCrowd: Bool = false) {
    self.box = box
    self.label = label
    self.isCrowd = isCrowd
  }
}

/// What draws of anchors and regions depend on: the run's seed, the step, and the place in the mini-batch.
package struct SamplingKey: Hashable, Sendable {
  package var seed: UInt64
  package var step: Int
  /// The image's position in the mini-batch.
  package var position: Int

  package init(seed: UInt64, step: Int, position: Int) {
    (self.seed, self.step, self.position) = (seed, step, position)
  }

  func stream(_ purpose: RandomPurpose) -> CounterStream {
    CounterStream(seed: seed, purpose: purpose, epoch: position, index: step)
  }
}

/// The target of one image: counts, a key, rows of objects, and boxes that are to be its regions. All are numbers
/// that Float has exactly.
package struct ObjectTargets: Equatable {
  package let key: SamplingKey
  package let objects: [TargetObject]
  /// x1, y1, x2, y2 in pixels of the network's input, for a network whose regions are given.
  package let regions: [SIMD4<Float>]

  package init(key: SamplingKey, objects: [TargetObject], regions: [SIMD4<Float>] = []) {
    (self.key, self.objects, self.regions) = (key, objects, regions)
  }

  private static let keyParts = 9
  private static let header = 2 + keyParts
  private static let row = 6
  private static let corners = 4

  /// - Parameters:
  ///   - capacity: objects of an image, at most.
  ///   - regions: that are given, at most.
  package static func layout(capacity: Int, regions: Int = 0) -> TargetLayout {
    TargetLayout(
      name: "objects", .float32, count: header + row * capacity + corners * regions)
  }

  /// Writes the target.
  ///
  /// - Precondition: there is room for the objects and the regions.
  package func write(to target: MutableVectorView<Float>) {
    precondition(
      Self.layout(capacity: objects.count, regions: regions.count).count <= target.count,
      "more objects than targets have room for")
    target[0] = Float(objects.count)
    target[1] = Float(regions.count)
    let words = [key.seed, UInt64(key.step), UInt64(key.position)]
    var place = 2
    // 16 bits each: four of the seed, three of the step, two of the position.
    for (word, parts) in zip(words, [4, 3, 2]) {
      for part in 0..<parts {
        target[place] = Float(word >> (16 * UInt64(part)) & 0xFFFF)
        place += 1
      }
    }
    for object in objects {
      for corner in 0..<Self.corners { target[place + corner] = object.box[corner] }
      target[place + 4] = Float(object.label)
      target[place + 5] = object.isCrowd ? 1 : 0
      place += Self.row
    }
    for region in regions {
      for corner in 0..<Self.corners { target[place + corner] = region[corner] }
      place += Self.corners
    }
  }

  /// Writes the target for a pass over one image; valid as long as `memory` and until it is written again.
  package func targets(in memory: borrowing AlignedBuffer<Float>) -> Targets {
    write(to: memory.view)
    return Targets([
      VectorView(UnsafeRawBufferPointer(memory.elements).assumingMemoryBound(to: UInt8.self))
    ])
  }

  /// Reads the target of one image.
  init(_ target: VectorView<Float>) {
    var place = 2
    func word(_ parts: Int) -> UInt64 {
      defer { place += parts }
      return (0..<parts).reduce(0) { $0 | UInt64(target[place + $1]) << (16 * UInt64($1)) }
    }
    let seed = word(4)
    let step = word(3)
    let position = word(2)
    key = SamplingKey(seed: seed, step: Int(step), position: Int(position))
    func box(at first: Int) -> SIMD4<Float> {
      SIMD4(target[first], target[first + 1], target[first + 2], target[first + 3])
    }
    let objects = (0..<Int(target[0])).map { index in
      let first = Self.header + Self.row * index
      return TargetObject(
        box: box(at: first), label: Int(target[first + 4]), isCrowd: target[first + 5] == 1)
    }
    self.objects = objects
    let end = Self.header + Self.row * objects.count
    regions = (0..<Int(target[1])).map { box(at: end + Self.corners * $0) }
  }
}
