/// Sizes that decide in which order numbers are added, and so must be equal on all ranks and machines.

import Tensors

/// Fractions of one machine's caches, whatever machine this is.
///
/// A change of any of them, or of the caches of `reference`, changes the bits of trained parameters.
/// Sizes that change no bit are in `KernelTarget`.
public enum ReproducibleBlocking {
  /// The machine whose caches the sizes are fractions of.
  @inline(__always)
  private static var reference: KernelTarget { .avx512 }

  /// Elements of the activations that a layer takes through its fused passes at a time: several of them
  /// stay in the second-level cache, 192 KiB each. Sums for normalization are added block by block.
  public static func activations(_ element: ElementType) -> Int {
    reference.l2 * 3 / 32 * ElementType.float32.stride / element.stride
  }

  /// Floats of copied patches that stay in the second-level cache, 384 KiB. In `ProductArithmetic.bfloat16Tiles` a
  /// weight gradient is summed in groups of positions that begin with each block of patches.
  public static var patches: Int { reference.l2 * 3 / 16 }

  /// Output positions of a slice or a block from which on a product amortizes reading its weights.
  public static var positions: Int { 192 }

  /// Floats of an image from which on it is sliced: half of the second-level cache, 1 MiB.
  public static var wholeImage: Int { reference.l2 / 2 }

  /// Floats of prepared weights from which on they do not stay in the second-level cache, 3 MiB: a
  /// convolution takes more images at a time.
  public static var residentWeights: Int { reference.l2 * 3 / 2 }

  /// Floats of filters in Winograd's form, 4 MiB, from which on transforming them panel by panel is faster.
  public static var transformedFilters: Int { reference.l2 * 2 }

  /// Floats of the transformed tiles and products of a block in which Winograd's tiles are summed in pairs, a
  /// quarter of the second-level cache.
  public static var pairedTiles: Int { reference.l2 / 4 }

  /// Floats of transformed tiles that `StreamedWinogradConvolution` keeps in the third-level cache, 6
  /// MiB. Each block of tiles adds to the gradient of the filters after its transform.
  public static var streamedTiles: Int { reference.l3 / 4 }
}
