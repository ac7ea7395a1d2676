/// RoIAlign: maps of one size from regions of a feature map (He et al. 2017, arXiv 1703.06870, §3).

import Tensors

/// Cuts a map of `height`×`width` out of a feature map for each region: in each part of the region the mean
/// of sample points, each interpolated between four positions, as torchvision's `roi_align`.
///
/// Regions are taken in order, and a region's parts in order of memory, so the bits of both passes depend on
/// nothing else. Sums are Float; a result is rounded once.
public struct RegionAlignment: Hashable, Sendable {
  /// Of the result.
  public let height: Int
  public let width: Int
  /// Positions of the map for each pixel of the regions.
  public let scale: Float
  /// Sample points of a part in each direction; 0: as many as positions of the map that it covers.
  public let samples: Int
  /// Whether positions are pixels' centres, half a position away from their index (detectron2's RoIAlignV2).
  public let isAligned: Bool

  public init(height: Int, width: Int, scale: Float, samples: Int = 0, isAligned: Bool = true) {
    require(height > 0 && width > 0 && scale > 0 && samples >= 0, "RoIAlign has parts and a scale")
    self.height = height
    self.width = width
    self.scale = scale
    self.samples = samples
    self.isAligned = isAligned
  }

  /// The four positions around a sample point, and their weights, which are 0 outside of the map.
  private struct Corners {
    var offsets: SIMD4<Int32> = .zero
    var weights: SIMD4<Float> = .zero
  }

  /// The sample points of a region's parts along one axis.
  private struct Axis {
    let start: Float
    /// Length of a part.
    let part: Float
    /// Points in it.
    let count: Int

    init(from low: Float, to high: Float, parts: Int, _ alignment: RegionAlignment) {
      let shift: Float = alignment.isAligned ? 0.5 : 0
      start = low * alignment.scale - shift
      var length = high * alignment.scale - shift - start
      if !alignment.isAligned { length = max(length, 1) }
      part = length / Float(parts)
      count = alignment.samples > 0 ? alignment.samples : max(0, Int(part.rounded(.up)))
    }

    func point(_ index: Int, of place: Int) -> Float {
      start + Float(place) * part + (Float(index) + 0.5) * part / Float(count)
    }
  }

  private static func corners(
    _ y: Float, _ x: Float, _ map: ImageShape, share: Float
  ) -> Corners {
    let (height, width) = (map.height, map.width)
    guard y >= -1, y <= Float(height), x >= -1, x <= Float(width) else { return Corners() }
    /// The two positions around a place, and the part of the second.
    func around(_ place: Float, _ count: Int) -> (Int, Int, Float) {
      let place = max(place, 0)
      let low = Int(place)
      return low >= count - 1 ? (count - 1, count - 1, 0) : (low, low + 1, place - Float(low))
    }
    let (top, bottom, down) = around(y, height)
    let (left, right, across) = around(x, width)
    func offset(_ row: Int, _ column: Int) -> Int32 {
      Int32((row * width + column) * map.channels)
    }
    return Corners(
      offsets: SIMD4(
        offset(top, left), offset(top, right), offset(bottom, left), offset(bottom, right)),
      weights: share
        * SIMD4(
          (1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across))
  }

  /// Calls `body` with each part of each region and the corners of its points.
  @inline(__always)
  private func forEachPart(
    _ regions: RegionRows, _ map: ImageShape, _ body: (_ part: Int, _ corners: [Corners]) -> Void
  ) {
    var corners: [Corners] = []
    for region in 0..<regions.count {
      let box = regions[region]
      let rows = Axis(from: box[1], to: box[3], parts: height, self)
      let columns = Axis(from: box[0], to: box[2], parts: width, self)
      let share = 1 / Float(max(rows.count * columns.count, 1))
      for row in 0..<height {
        for column in 0..<width {
          corners.removeAll(keepingCapacity: true)
          for y in 0..<rows.count {
            for x in 0..<columns.count {
              corners.append(
                Self.corners(
                  rows.point(y, of: row), columns.point(x, of: column), map, share: share))
            }
          }
          body((region * height + row) * width + column, corners)
        }
      }
    }
  }

  /// - Parameters:
  ///   - features: [1, H, W, C].
  ///   - output: [regions, height, width, C]; overwritten.
  public func forward(features: ImageTensor, regions: RegionRows, output: ImageTensor) {
    switch features.element {
    case .float32: forward(features.view(of: Float.self), regions, output.view())
    case .bfloat16: forward(features.view(of: BFloat16.self), regions, output.view())
    }
  }

  private func forward<Element: KernelElement>(
    _ features: TensorView<Element>, _ regions: RegionRows, _ output: TensorView<Element>
  ) {
    let channels = features.channels
    require(
      features.images == 1 && output.images == regions.count
        && output.shape == ImageShape(height: height, width: width, channels: channels),
      "RoIAlign's result has a map of the features' channels for each region")
    let x = UnsafePointer(features.base)
    forEachPart(regions, features.shape) { part, corners in
      let y = output.base + part * channels
      @inline(__always) func pool<Value: Lanes>(_: Value.Type, _ channel: Int) {
        var sum = Value.zero
        for corner in corners {
          for index in 0..<4 {
            sum = sum.addingProduct(
              Value(repeating: corner.weights[index]),
              Value(x + Int(corner.offsets[index]), at: channel))
          }
        }
        sum.store(to: y, at: channel)
      }
      forEachChannelGroup(
        channels, wide: { pool(Vector.self, $0) }, narrow: { pool(Float.self, $0) })
    }
  }

  /// Adds the features' gradient to `featureGradient`, [H, W, C].
  ///
  /// - Parameters:
  ///   - outputGradient: [regions, height, width, C].
  ///   - map: the features' shape.
  public func backward(
    outputGradient: ImageTensor, regions: RegionRows, map: ImageShape,
    featureGradient: UnsafeMutablePointer<Float>
  ) {
    switch outputGradient.element {
    case .float32:
      backward(outputGradient.view(of: Float.self), regions, map, featureGradient)
    case .bfloat16:
      backward(outputGradient.view(of: BFloat16.self), regions, map, featureGradient)
    }
  }

  private func backward<Element: KernelElement>(
    _ outputGradient: TensorView<Element>, _ regions: RegionRows, _ map: ImageShape,
    _ featureGradient: UnsafeMutablePointer<Float>
  ) {
    let channels = map.channels
    require(
      outputGradient.images == regions.count
        && outputGradient.shape == ImageShape(height: height, width: width, channels: channels),
      "RoIAlign's gradient has a map of the features' channels for each region")
    forEachPart(regions, map) { part, corners in
      let dy = UnsafePointer(outputGradient.base + part * channels)
      for corner in corners {
        for index in 0..<4 where corner.weights[index] != 0 {
          let dx = featureGradient + Int(corner.offsets[index])
          let weight = corner.weights[index]
          @inline(__always) func add<Value: Lanes>(_: Value.Type, _ channel: Int) {
            Value(dx, at: channel)
              .addingProduct(Value(repeating: weight), Value(dy, at: channel))
              .store(to: dx, at: channel)
          }
          forEachChannelGroup(
            channels, wide: { add(Vector.self, $0) }, narrow: { add(Float.self, $0) })
        }
      }
    }
  }
}

/// Boxes in rows that may hold more: x1, y1, x2, y2 in pixels, continuous.
public struct RegionRows {
  private let base: UnsafePointer<Float>
  private let width: Int
  public let count: Int

  /// - Parameters:
  ///   - base: the first row.
  ///   - width: floats of a row, 4 or more.
  public init(base: UnsafePointer<Float>, width: Int, count: Int) {
    (self.base, self.width, self.count) = (base, width, count)
  }

  subscript(_ index: Int) -> SIMD4<Float> {
    let row = base + index * width
    return SIMD4(row[0], row[1], row[2], row[3])
  }
}
