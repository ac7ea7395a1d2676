/// How an image is cut into Winograd tiles, and the passes between images and transformed tiles.

import CProcessor
import Tensors

/// The tiles of one kind of image: 4×4 outputs each, in rows, the last row and column partly outside
/// the image.
struct WinogradTiles: Hashable, Sendable {
  /// The image, whose height and width are the input's and the output's alike.
  let shape: ImageShape
  let tileRows: Int
  let tileColumns: Int

  init(_ shape: ImageShape) {
    self.shape = shape
    tileRows = (shape.height + WinogradTransforms.outputSide - 1) / WinogradTransforms.outputSide
    tileColumns = (shape.width + WinogradTransforms.outputSide - 1) / WinogradTransforms.outputSide
  }

  var tilesPerImage: Int { tileRows * tileColumns }

  /// A run of tiles: whole images, or some tile rows of one image.
  struct Block {
    let images: Range<Int>
    let tileRows: Range<Int>
    let tiles: Int
  }

  /// Calls `body` for blocks of at most `limit` tiles (but at least a tile row), in order.
  @inline(__always)
  func forEachBlock(images: Range<Int>, limit: Int, _ body: (Block) -> Void) {
    if tilesPerImage <= limit {
      let step = limit / tilesPerImage
      var image = images.lowerBound
      while image < images.upperBound {
        let range = image..<min(image + step, images.upperBound)
        body(Block(images: range, tileRows: 0..<tileRows, tiles: range.count * tilesPerImage))
        image = range.upperBound
      }
    } else {
      // Equal parts: a last block of one row would use the tiles badly.
      let most = max(1, limit / tileColumns)
      let parts = (tileRows + most - 1) / most
      for image in images {
        for part in 0..<parts {
          let rows = part * tileRows / parts..<(part + 1) * tileRows / parts
          body(Block(images: image..<image + 1, tileRows: rows, tiles: rows.count * tileColumns))
        }
      }
    }
  }

  /// The most tiles that a block of `forEachBlock` has.
  func capacity(images: Int, limit: Int) -> Int {
    if tilesPerImage <= limit { return min(images, limit / tilesPerImage) * tilesPerImage }
    let most = max(1, limit / tileColumns)
    let parts = (tileRows + most - 1) / most
    return (tileRows + parts - 1) / parts * tileColumns
  }

  /// Elements between two positions' matrices of `rows` × `columns`: a line more than the matrix, so
  /// that the 36 positions of one tile do not fall on one set of the cache.
  @inline(__always)
  static func positionStride(_ rows: Int, _ columns: Int) -> Int {
    (rows * columns + 15) / 16 * 16 + 16
  }

  /// The pixels of the images, counted from the first one's, that a block covers.
  func pixels(_ block: Block) -> Range<Int> {
    let first = block.images.lowerBound * shape.area + 4 * block.tileRows.lowerBound * shape.width
    let last =
      (block.images.upperBound - 1) * shape.area
      + min(4 * block.tileRows.upperBound, shape.height) * shape.width
    return first..<last
  }

  // MARK: Passes

  /// Scratch floats for the zero-padded rows of a row of tiles, sixteen channels of them.
  var bandCount: Int { WinogradTransforms.inputSide * padded.pitch }

  /// A row and column around the image, and what whole tiles take more.
  private var padded: PaddedRows {
    PaddedRows(
      shape: shape.with(channels: Vector.lanes), left: 1,
      right: 4 * tileColumns + 1 - shape.width)
  }

  /// Calls `body` for each tile and sixteen of its channels `channels`, counted from their first one, with
  /// its 6×6 inputs, `padded.pitch` elements between rows and sixteen between columns.
  @inline(__always)
  private func forEachInputTile<Element: KernelElement>(
    _ images: UnsafePointer<Element>, _ block: Block, channels: Range<Int>,
    band: UnsafeMutablePointer<Float>,
    _ body: (_ inputs: UnsafePointer<Float>, _ tile: Int, _ channel: Int) -> Void
  ) {
    let padded = padded
    padded.clearSides(band, rows: WinogradTransforms.inputSide)
    var firstTile = 0
    for image in block.images {
      for tileRow in block.tileRows {
        for channel in stride(from: 0, to: channels.count, by: Vector.lanes) {
          padded.fill(
            images + image * shape.count + channels.lowerBound + channel,
            pixelStride: shape.channels,
            rows: 4 * tileRow - 1..<4 * tileRow + 5, into: band)
          for tileColumn in 0..<tileColumns {
            body(
              UnsafePointer(band) + 4 * tileColumn * Vector.lanes, firstTile + tileColumn, channel)
          }
        }
        firstTile += tileColumns
      }
    }
  }

  /// V[36] = Bᵀ d B of a block's channels `channels`; at each position, for each `width` of them,
  /// [tiles, width].
  @inline(never)
  func transformInput<Element: KernelElement>(
    _ images: UnsafePointer<Element>, _ block: Block, channels: Range<Int>, parts width: Int,
    into transformed: UnsafeMutablePointer<Float>, stride: Int, band: UnsafeMutablePointer<Float>
  ) {
    let pitch = padded.pitch
    forEachInputTile(images, block, channels: channels, band: band) { inputs, tile, channel in
      let first = channel / width * width
      let offset =
        first * block.tiles + tile * min(width, channels.count - first) + (channel - first)
      WinogradTransforms.forEachPart { part in
        let inputs = inputs + part
        let target = RowPointers<6, Float>(transformed + (offset + part), stride: 6 * stride)
        WinogradTransforms.input { row, column in
          inputs.channels(at: row * pitch + column * Vector.lanes)
        } store: { row, column, value in
          target.store(value, row, column * stride)
        }
      }
    }
  }

  /// D[36] = A dy Aᵀ of a block's channels `channels`; at each position, for each `width` of them,
  /// [tiles, width] in the panels of `PackedGEMM`.
  @inline(never)
  func transformOutputGradient<Element: KernelElement>(
    _ gradients: UnsafePointer<Element>, _ block: Block, channels: Range<Int>, panels width: Int,
    into transformed: UnsafeMutablePointer<Float>, stride: Int,
    band: UnsafeMutablePointer<Float>
  ) {
    let pitch = padded.pitch
    forEachInputTile(gradients, block, channels: channels, band: band) { inputs, tile, channel in
      let part = channel / width
      let offset =
        part * width * block.tiles
        + PackedGEMM.panelOffset(
          step: tile, column: channel - part * width, steps: block.tiles, columns: width)
      WinogradTransforms.forEachPart { part in
        let inputs = inputs + part
        let target = RowPointers<6, Float>(transformed + (offset + part), stride: 6 * stride)
        WinogradTransforms.outputGradient { row, column in
          inputs.channels(at: (row + 1) * pitch + (column + 1) * Vector.lanes)
        } store: { row, column, value in
          target.store(value, row, column * stride)
        }
      }
    }
  }

  /// y = Aᵀ m A of a block's channels `channels`, written or added to the images.
  ///
  /// - Parameter products: [36][tiles][channels.count].
  @inline(never)
  func transformOutput<Element: KernelElement>(
    _ products: UnsafePointer<Float>, stride: Int, _ block: Block, channels range: Range<Int>,
    output: UnsafeMutablePointer<Element>, accumulate: Bool
  ) {
    let channels = shape.channels
    let pitch = shape.width * channels
    var tile = 0
    for image in block.images {
      for tileRow in block.tileRows {
        for tileColumn in 0..<tileColumns {
          let source = products + tile * range.count
          let target =
            output + image * shape.count + 4 * tileRow * pitch + 4 * tileColumn * channels
            + range.lowerBound
          let rows = min(4, shape.height - 4 * tileRow)
          let columns = min(4, shape.width - 4 * tileColumn)
          for channel in Swift.stride(
            from: 0, to: range.count, by: WinogradTransforms.Channels.scalarCount)
          {
            let products = RowPointers<6, Float>(source + channel, stride: 6 * stride)
            let outputs = RowPointers<4, Element>(target + channel, stride: pitch)
            // Whole tiles without conditions in the loop.
            if rows == 4 && columns == 4 && !accumulate {
              WinogradTransforms.output { row, column in
                products.channels(row, column * stride)
              } store: { row, column, value in
                outputs.store(value, row, column * channels)
              }
            } else {
              WinogradTransforms.output { row, column in
                products.channels(row, column * stride)
              } store: { row, column, value in
                guard row < rows && column < columns else { return }
                let before = accumulate ? outputs.channels(row, column * channels) : .zero
                outputs.store(before + value, row, column * channels)
              }
            }
          }
          tile += 1
        }
      }
    }
  }
}

/// Pointers to the rows of a small matrix, which stay in registers.
///
/// Otherwise the compiler computes the address of every element ahead of the loop, and loads it again
/// from the stack for each access.
private struct RowPointers<let count: Int, Element: KernelElement> {
  private let rows: InlineArray<count, UnsafePointer<Element>>

  @inline(__always)
  init(_ first: UnsafePointer<Element>, stride: Int) {
    rows = InlineArray(first: independent(first)) { independent($0 + stride) }
  }

  @inline(__always)
  func channels(_ row: Int, _ offset: Int) -> WinogradTransforms.Channels {
    Element.channels(rows[row], at: offset)
  }

  @inline(__always)
  func store(_ value: WinogradTransforms.Channels, _ row: Int, _ offset: Int) {
    Element.store(value, to: UnsafeMutablePointer(mutating: rows[row]), at: offset)
  }
}

extension UnsafePointer<Float> {
  /// Elements from `index` on, of any alignment.
  @inline(__always)
  fileprivate func channels(at index: Int) -> WinogradTransforms.Channels {
    Float.channels(self, at: index)
  }
}

extension KernelElement {
  /// Elements from `index` on, of any alignment.
  @inline(__always)
  fileprivate static func channels(
    _ source: UnsafePointer<Self>, at index: Int
  ) -> WinogradTransforms.Channels {
    #if arch(arm64)
      var values = WinogradTransforms.Channels.zero
      for lane in 0..<values.scalarCount { values[lane] = source[index + lane].float }
      return values
    #else
      return vector(source, at: index)
    #endif
  }

  #if arch(arm64)
    @inline(__always)
    fileprivate static func store(
      _ value: WinogradTransforms.Channels, to target: UnsafeMutablePointer<Self>, at index: Int
    ) {
      for lane in 0..<value.scalarCount { target[index + lane] = Self(rounding: value[lane]) }
    }
  #endif
}
