/// A region of interest with what it is trained for: a row of the proposals' value.

import Networks
import Tensors

struct SampledRegion {
  /// x1, y1, x2, y2 in pixels of the network's input.
  var box: SIMD4<Float>
  /// 0 is the background.
  var label: Int
  /// The object's offset from the box; meaningless for the background.
  var code: SIMD4<Float>

  /// Floats of a row: box, label, code.
  static let width = 9
  static let shape = ImageShape(height: 1, width: 1, channels: width)

  init(box: SIMD4<Float>, label: Int = 0, code: SIMD4<Float> = .zero) {
    (self.box, self.label, self.code) = (box, label, code)
  }

  /// Reads a row.
  init(_ rows: ImageTensor, _ index: Int) {
    let row = rows.base + index * Self.width
    box = SIMD4(row[0], row[1], row[2], row[3])
    label = Int(row[4])
    code = SIMD4(row[5], row[6], row[7], row[8])
  }

  /// The boxes of all rows.
  static func boxes(_ rows: ImageTensor) -> [SIMD4<Float>] {
    (0..<rows.images).map { Self(rows, $0).box }
  }

  /// Writes a row.
  func write(to rows: ImageTensor, _ index: Int) {
    let row = rows.base + index * Self.width
    for place in 0..<4 {
      row[place] = box[place]
      row[5 + place] = code[place]
    }
    row[4] = Float(label)
  }
}

extension PassContext {
  /// Writes all regions of a local shard.
  func write(_ regions: [SampledRegion], to output: TensorSlot, shard: Int) {
    setRowCount(regions.count, of: output, shard: shard)
    let rows = tensor(output, shard: shard)
    for (index, region) in regions.enumerated() { region.write(to: rows, index) }
  }
}
