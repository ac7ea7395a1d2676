/// Sizes that decide in which order numbers are added, and so must be equal on all ranks and machines.

import Tensors

/// Fractions of the caches of an Intel Xeon (Sapphire Rapids), on every machine.
///
/// A change of any of them changes the bits of trained parameters. Sizes that change no bit are in
/// `KernelTarget`.
public enum ReproducibleBlocking {
  /// Floats of the second-level cache, 2 MiB.
  @inline(__always)
  private static var l2: Int { 512 * 1024 }
  /// Floats of a rank's part of the third-level cache, 24 MiB.
  @inline(__always)
  private static var l3: Int { 6 * 1024 * 1024 }

  /// Elements of the activations that a layer takes through its fused passes at a time: several of them
  /// stay in the second-level cache, 192 KiB each. Sums for normalization are added block by block.
  public static func activations(_ element: ElementType) -> Int {
    l2 * 3 / 32 * ElementType.float32.stride / element.stride
  }

  /// Floats of copied patches that stay in the second-level cache, 384 KiB. In `ProductArithmetic.bfloat16Tiles` a
  /// weight gradient is summed in groups of positions that begin with each block of patches.
  public static var patches: Int { l2 * 3 / 16 }

  /// Output positions of a slice or a block from which on a product amortizes reading its weights.
  public static var positions: Int { 192 }

  /// Floats of an image from which on it is sliced: half of the second-level cache, 1 MiB.
  public static var wholeImage: Int { l2 / 2 }

  /// Floats of prepared weights from which on they do not stay in the second-level cache, 3 MiB: a
  /// convolution takes more images at a time.
  public static var residentWeights: Int { l2 * 3 / 2 }

  /// Floats of filters in Winograd's form, 4 MiB, from which on transforming them panel by panel is faster.
  public static var transformedFilters: Int { l2 * 2 }

  /// Floats of the transformed tiles and products of a block in which Winograd's tiles are summed in pairs, a
  /// quarter of the second-level cache.
  public static var pairedTiles: Int { l2 / 4 }

  /// Floats of transformed tiles that `StreamedWinogradConvolution` keeps in the third-level cache, 6
  /// MiB. Each block of tiles adds to the gradient of the filters after its transform.
  public static var streamedTiles: Int { l3 / 4 }
}
