/// The shape arithmetic of a two-dimensional convolution or pooling window.

import Tensors

/// A convolution's sizes: R×S filters over C channels giving K channels, with stride, padding and
/// groups.
///
/// With G groups, output channel k sees the C/G input channels of group ⌊k·G/K⌋ (Krizhevsky et al.
/// 2012; the cardinality of Xie et al. 2017), and weights are [R, S, C/G, K].
public struct ConvolutionGeometry: Hashable, Sendable {
  public let input: ImageShape
  public let output: ImageShape
  /// Filter rows R.
  public let kernelHeight: Int
  /// Filter columns S.
  public let kernelWidth: Int
  public let stride: Int
  /// Zero rows and columns added on each side.
  public let padding: Int
  /// Independent groups of channels, G.
  public let groups: Int

  /// The geometry of a convolution, or nil where the window does not fit the padded input or the
  /// groups do not divide the channels.
  public init?(
    input: ImageShape, kernelHeight: Int, kernelWidth: Int, outputChannels: Int, stride: Int,
    padding: Int, groups: Int = 1
  ) {
    let spareRows = input.height + 2 * padding - kernelHeight
    let spareColumns = input.width + 2 * padding - kernelWidth
    guard
      spareRows >= 0, spareColumns >= 0, stride >= 1, padding >= 0, outputChannels >= 1,
      kernelHeight >= 1, kernelWidth >= 1, groups >= 1, input.channels % groups == 0,
      outputChannels % groups == 0
    else { return nil }
    self.input = input
    self.kernelHeight = kernelHeight
    self.kernelWidth = kernelWidth
    self.stride = stride
    self.padding = padding
    self.groups = groups
    output = ImageShape(
      height: spareRows / stride + 1, width: spareColumns / stride + 1, channels: outputChannels)
  }

  /// Input channels that one output channel sees: C/G.
  public var channelsPerGroup: Int { input.channels / groups }

  /// Inputs that one output sums over: R·S·C/G.
  public var patchCount: Int { kernelHeight * kernelWidth * channelsPerGroup }

  /// Weights: R·S·C/G·K.
  public var weightCount: Int { patchCount * output.channels }

  /// Multiply-adds for one image.
  public var multiplyAdds: Int { output.area * weightCount }

  /// The number of equal slices, each some rows, that an image is best processed in: more than one where
  /// output rows share no input rows and the image is too large for the second-level cache.
  public var slicesPerImage: Int {
    guard
      kernelHeight == 1, padding == 0, input.height % stride == 0,
      max(input.count, output.count) > ReproducibleBlocking.wholeImage
    else { return 1 }
    let fits = (1...output.height).filter {
      output.height % $0 == 0 && output.area / $0 >= ReproducibleBlocking.positions
    }
    return fits.last ?? 1
  }

  /// The same convolution of one of `slices` slices of an image.
  public func slice(of slices: Int) -> ConvolutionGeometry {
    ConvolutionGeometry(
      input: ImageShape(
        height: input.height / slices, width: input.width, channels: input.channels),
      kernelHeight: kernelHeight, kernelWidth: kernelWidth, outputChannels: output.channels,
      stride: stride, padding: padding, groups: groups)!
  }

  /// Whether the patches are the input's own rows, so that no gathering is needed.
  var isPointwise: Bool { kernelHeight == 1 && kernelWidth == 1 && stride == 1 && padding == 0 }
}
