/// What images are compared with in training, as data sources give it and losses read it.

/// The targets of one image: a class, numbers, a map.
public struct TargetLayout: Hashable, Sendable {
  public enum Element: Hashable, Sendable {
    case int32
    case float32
  }

  /// What a data source calls them, such as `label`.
  public let name: String
  public let element: Element
  /// Elements for each image.
  public let count: Int

  public init(name: String, _ element: Element, count: Int) {
    self.name = name
    self.element = element
    self.count = count
  }

  /// The class of each image.
  public static let label = TargetLayout(name: "label", .int32, count: 1)

  /// A probability of each class for each image.
  public static func classProbabilities(_ classes: Int) -> TargetLayout {
    TargetLayout(name: "class_probabilities", .float32, count: classes)
  }

  /// Bytes for each image.
  public var byteCount: Int { count * 4 }
}

/// The targets of a rank's images: one block of memory for each layout, in an order that whoever made
/// them knows; a view that is valid as long as that memory.
public struct Targets {
  private enum Memory {
    case one(VectorView<UInt8>)
    case several([VectorView<UInt8>])
  }

  private let memory: Memory

  /// The labels of a classifier: [images].
  public init(labels: VectorView<Int32>) { memory = .one(labels.bytes) }

  /// - Parameter blocks: [images, count] of each layout.
  public init(_ blocks: [VectorView<UInt8>]) {
    memory = blocks.count == 1 ? .one(blocks[0]) : .several(blocks)
  }

  /// The targets of some images in block `index`, [images, count].
  ///
  /// - Precondition: `Element` is that of `layout`, which is the block's.
  public func view<Element: BitwiseCopyable>(
    _ index: Int, _ layout: TargetLayout, images: Range<Int>, as type: Element.Type
  ) -> VectorView<Element> {
    let block =
      switch memory {
      case .one(let block): block
      case .several(let blocks): blocks[index]
      }
    let bytes = block[images.lowerBound * layout.byteCount..<images.upperBound * layout.byteCount]
    return VectorView(UnsafeRawBufferPointer(bytes.elements).assumingMemoryBound(to: Element.self))
  }
}

/// Where a data source writes one target of one image.
public struct TargetSpace: ~Copyable {
  public let layout: TargetLayout
  private let bytes: UnsafeMutableRawBufferPointer

  /// - Parameter memory: as long as the targets of an image; outlives the space.
  public init(_ layout: TargetLayout, in memory: MutableVectorView<UInt8>) {
    precondition(memory.count == layout.byteCount, "\(layout.name) are \(layout.byteCount) bytes")
    self.layout = layout
    bytes = UnsafeMutableRawBufferPointer(memory.elements)
  }

  /// Writes a class index.
  ///
  /// - Precondition: the layout is one `int32`.
  public mutating func write(label: Int) {
    precondition(layout.element == .int32 && layout.count == 1, "\(layout.name) is no class index")
    bytes.storeBytes(of: Int32(label), as: Int32.self)
  }

  /// Writes numbers.
  ///
  /// - Precondition: the layout is `float32`, of that count.
  public mutating func write(_ values: some Collection<Float>) {
    precondition(
      layout.element == .float32 && layout.count == values.count,
      "\(layout.name) are \(layout.count) numbers")
    for (index, value) in values.enumerated() {
      bytes.storeBytes(of: value, toByteOffset: 4 * index, as: Float.self)
    }
  }
}
