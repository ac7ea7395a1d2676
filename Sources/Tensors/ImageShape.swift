/// The shape of one image or of one image's activations, in NHWC order without the N.

/// Height, width and channels of one image's activations; channels are contiguous in memory.
public struct ImageShape: Hashable, Sendable, Codable, CustomStringConvertible {
  public var height: Int
  public var width: Int
  public var channels: Int

  public init(height: Int, width: Int, channels: Int) {
    self.height = height
    self.width = width
    self.channels = channels
  }

  /// Pixels of one channel: H·W.
  @inlinable public var area: Int { height * width }

  /// Elements of one image: H·W·C.
  @inlinable public var count: Int { height * width * channels }

  /// The same with another number of channels.
  public func with(channels: Int) -> ImageShape {
    ImageShape(height: height, width: width, channels: channels)
  }

  public var description: String { "\(height)×\(width)×\(channels)" }
}
