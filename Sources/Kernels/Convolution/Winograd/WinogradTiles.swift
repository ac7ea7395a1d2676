/// How an image is cut into Winograd tiles, and the passes between images and transformed tiles.

import CProcessor
import Tensors

/// The tiles of one kind of image: m×m outputs each, in rows, the last row and column partly outside
/// the image.
struct WinogradTiles<Transform: WinogradTransform>: Hashable, Sendable {
  /// The image, whose height and width are the input's and the output's alike.
  let shape: ImageShape
  let tileRows: Int
  let tileColumns: Int

  init(_ shape: ImageShape) {
    self.shape = shape
    tileRows = (shape.height + Transform.outputSide - 1) / Transform.outputSide
    tileColumns = (shape.width + Transform.outputSide - 1) / Transform.outputSide
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
  /// that the positions of one tile do not fall on one set of the cache.
  @inline(__always)
  static func positionStride<Element: KernelElement>(
    _ rows: Int, _ columns: Int, of type: Element.Type
  ) -> Int {
    let line = CacheLine.bytes / MemoryLayout<Element>.stride
    return (rows * columns + line - 1) / line * line + line
  }

  /// Numbers between two positions' matrices of transformed tiles, with `channels` columns; a row more where
  /// the rows are summed over in pairs and there is an odd number of them.
  @inline(__always)
  static func tileStride(_ tiles: Int, channels: Int) -> Int {
    let steps = PackedGEMM.steps(tiles, Transform.Factor.self)
    return positionStride(
      steps * Transform.Factor.elements, channels, of: Transform.Number.self)
  }

  /// The pixels of the images, counted from the first one's, that a block covers.
  func pixels(_ block: Block) -> Range<Int> {
    let first =
      block.images.lowerBound * shape.area + Transform.outputSide * block.tileRows.lowerBound
      * shape.width
    let last =
      (block.images.upperBound - 1) * shape.area
      + min(Transform.outputSide * block.tileRows.upperBound, shape.height) * shape.width
    return first..<last
  }

  // MARK: Passes

  /// Scratch floats for the zero-padded rows of a row of tiles, sixteen channels of them.
  var bandCount: Int { Transform.inputSide * padded.pitch }

  /// A row and column around the image, and what whole tiles take more.
  private var padded: PaddedRows {
    PaddedRows(
      shape: shape.with(channels: Vector.lanes), left: 1,
      right: Transform.outputSide * tileColumns + 1 - shape.width)
  }

  /// Calls `body` for each tile and sixteen of its channels `channels`, counted from their first one, with
  /// its inputs, `padded.pitch` elements between rows and sixteen between columns.
  @inline(__always)
  private func forEachInputTile<Element: KernelElement>(
    _ images: UnsafePointer<Element>, _ block: Block, channels: Range<Int>,
    band: UnsafeMutablePointer<Float>,
    _ body: (_ inputs: UnsafePointer<Float>, _ tile: Int, _ channel: Int) -> Void
  ) {
    let padded = padded
    padded.clearSides(band, rows: Transform.inputSide)
    var firstTile = 0
    for image in block.images {
      for tileRow in block.tileRows {
        for channel in stride(from: 0, to: channels.count, by: Vector.lanes) {
          padded.fill(
            images + image * shape.count + channels.lowerBound + channel,
            pixelStride: shape.channels,
            rows: Transform.outputSide * tileRow - 1..<Transform.outputSide * (tileRow + 1) + 1,
            into: band)
          for tileColumn in 0..<tileColumns {
            body(
              UnsafePointer(band) + Transform.outputSide * tileColumn * Vector.lanes,
              firstTile + tileColumn, channel)
          }
        }
        firstTile += tileColumns
      }
    }
  }

  /// V = Bᵀ d B of a block's channels `channels`; at each position, for each `width` of them,
  /// [tiles, width].
  @inline(never)
  func transformInput<Element: KernelElement>(
    _ images: UnsafePointer<Element>, _ block: Block, channels: Range<Int>, parts width: Int,
    into transformed: UnsafeMutablePointer<Transform.Number>, stride: Int,
    band: UnsafeMutablePointer<Float>
  ) {
    let pitch = padded.pitch
    writeTiles(
      images, block, channels: channels, into: transformed, stride: stride, band: band
    ) { tile, channel in
      Self.offset(row: tile, of: block.tiles, channel, of: channels.count, parts: width)
    } transform: { inputs, store in
      Transform.input { row, column in
        inputs.channels(at: row * pitch + column * Vector.lanes)
      } store: {
        store($0, $1, $2)
      }
    }
  }

  /// Where (row, channel) is in matrices of `rows` rows, each of `width` of the channels.
  @inline(__always)
  private static func offset(
    row: Int, of rows: Int, _ channel: Int, of channels: Int, parts width: Int
  ) -> Int {
    let first = channel / width * width
    return first * rows + row * min(width, channels - first) + (channel - first)
  }

  /// The same as factors of a sum over tiles: at each position, for each `width` of the channels,
  /// [steps, width].
  ///
  /// - Parameter pairs: `pairCount` floats of scratch.
  @inline(never)
  func transformInputFactors<Element: KernelElement>(
    _ images: UnsafePointer<Element>, _ block: Block, channels: Range<Int>, parts width: Int,
    into factors: UnsafeMutablePointer<Transform.Factor>, stride: Int,
    band: UnsafeMutablePointer<Float>, pairs: UnsafeMutablePointer<Float>
  ) {
    let pitch = padded.pitch
    let steps = PackedGEMM.steps(block.tiles, Transform.Factor.self)
    transformFactors(
      images, block, channels: channels, into: factors, stride: stride, band: band, pairs: pairs
    ) { step, channel in
      Self.offset(row: step, of: steps, channel, of: channels.count, parts: width)
    } transform: { inputs, store in
      Transform.input { row, column in
        inputs.channels(at: row * pitch + column * Vector.lanes)
      } store: {
        store($0, $1, $2)
      }
    }
  }

  /// D = A dy Aᵀ of a block's channels `channels` as factors of a sum over tiles; at each position, for each
  /// `width` of them, [steps, width] in the panels of `PackedGEMM`.
  ///
  /// - Parameter pairs: `pairCount` floats of scratch.
  @inline(never)
  func transformOutputGradient<Element: KernelElement>(
    _ gradients: UnsafePointer<Element>, _ block: Block, channels: Range<Int>, panels width: Int,
    into factors: UnsafeMutablePointer<Transform.Factor>, stride: Int,
    band: UnsafeMutablePointer<Float>, pairs: UnsafeMutablePointer<Float>
  ) {
    let pitch = padded.pitch
    let steps = PackedGEMM.steps(block.tiles, Transform.Factor.self)
    transformFactors(
      gradients, block, channels: channels, into: factors, stride: stride, band: band, pairs: pairs
    ) { step, channel in
      let panel = channel / width
      return panel * width * steps
        + PackedGEMM.panelOffset(
          step: step, column: channel - panel * width, steps: steps, columns: width)
    } transform: { inputs, store in
      Transform.outputGradient { row, column in
        inputs.channels(at: (row + 1) * pitch + (column + 1) * Vector.lanes)
      } store: {
        store($0, $1, $2)
      }
    }
  }

  /// Floats of scratch for the first tile of each pair, and a second one, of `channels` channels; 0 where
  /// factors are no pairs.
  static func pairCount(channels: Int) -> Int {
    Transform.Factor.elements == 1 ? 0 : Transform.positions * (channels + Vector.lanes)
  }

  /// Writes each tile's numbers from `offset(tile, channel)` on at each position, `stride` numbers apart.
  @inline(__always)
  private func writeTiles<Element: KernelElement>(
    _ images: UnsafePointer<Element>, _ block: Block, channels: Range<Int>,
    into numbers: UnsafeMutablePointer<Transform.Number>, stride: Int,
    band: UnsafeMutablePointer<Float>, offset: (_ tile: Int, _ channel: Int) -> Int,
    transform: (
      _ inputs: UnsafePointer<Float>,
      _ store: (_ row: Int, _ column: Int, Transform.Channels) -> Void
    ) -> Void
  ) {
    forEachInputTile(images, block, channels: channels, band: band) { inputs, tile, channel in
      let offset = offset(tile, channel)
      Transform.forEachPart { part in
        let target = RowPointers<6, Transform.Number>(
          numbers + (offset + part), stride: Transform.inputSide * stride)
        transform(inputs + part) { row, column, value in
          target.store(value, row, column * stride)
        }
      }
    }
  }

  /// Writes factors from `offset(step, channel)` on at each position, `stride` factors apart.
  @inline(__always)
  private func transformFactors<Element: KernelElement>(
    _ images: UnsafePointer<Element>, _ block: Block, channels: Range<Int>,
    into factors: UnsafeMutablePointer<Transform.Factor>, stride: Int,
    band: UnsafeMutablePointer<Float>, pairs: UnsafeMutablePointer<Float>,
    offset: (_ step: Int, _ channel: Int) -> Int,
    transform: (
      _ inputs: UnsafePointer<Float>,
      _ store: (_ row: Int, _ column: Int, Transform.Channels) -> Void
    ) -> Void
  ) {
    let side = Transform.inputSide
    if Transform.Factor.elements == 1 {
      let numbers = UnsafeMutableRawPointer(factors).assumingMemoryBound(to: Transform.Number.self)
      return writeTiles(
        images, block, channels: channels, into: numbers, stride: stride, band: band,
        offset: offset, transform: transform)
    }
    // Neighbouring tiles meet here, position by position.
    @inline(__always) func write(
      _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>?, _ step: Int, _ channel: Int
    ) {
      let target = factors + offset(step, channel)
      for position in 0..<Transform.positions {
        let index = position * Vector.lanes
        Transform.Factor.store(
          Transform.Factor.combine(first.vector(at: index), second?.vector(at: index) ?? .zero),
          to: target, at: position * stride)
      }
    }
    let firsts = pairs + Transform.positions * Vector.lanes
    forEachInputTile(images, block, channels: channels, band: band) { inputs, tile, channel in
      let first = firsts + Transform.positions * channel
      let isSecond = tile % 2 == 1
      let buffer = isSecond ? pairs : first
      Transform.forEachPart { part in
        transform(inputs + part) { row, column, value in
          Float.store(value, to: buffer, at: (row * side + column) * Vector.lanes + part)
        }
      }
      if isSecond { write(first, buffer, tile / 2, channel) }
    }
    if block.tiles % 2 == 1 {
      for channel in Swift.stride(from: 0, to: channels.count, by: Vector.lanes) {
        write(firsts + Transform.positions * channel, nil, block.tiles / 2, channel)
      }
    }
  }

  /// y = Aᵀ m A of a block's channels `channels`, written or added to the images.
  ///
  /// - Parameter products: at each position [tiles][channels.count].
  @inline(never)
  func transformOutput<Element: KernelElement>(
    _ products: UnsafePointer<Float>, stride: Int, _ block: Block, channels range: Range<Int>,
    output: UnsafeMutablePointer<Element>, accumulate: Bool
  ) {
    let channels = shape.channels
    let pitch = shape.width * channels
    let side = Transform.outputSide
    var tile = 0
    for image in block.images {
      for tileRow in block.tileRows {
        for tileColumn in 0..<tileColumns {
          let source = products + tile * range.count
          let target =
            output + image * shape.count + side * (tileRow * pitch + tileColumn * channels)
            + range.lowerBound
          let rows = min(side, shape.height - side * tileRow)
          let columns = min(side, shape.width - side * tileColumn)
          for channel in Swift.stride(
            from: 0, to: range.count, by: Transform.Channels.scalarCount)
          {
            let products = RowPointers<6, Float>(
              source + channel, stride: Transform.inputSide * stride)
            let outputs = RowPointers<4, Element>(target + channel, stride: pitch)
            // Whole tiles without conditions in the loop.
            if rows == side && columns == side && !accumulate {
              Transform.output { row, column in
                products.channels(row, column * stride)
              } store: { row, column, value in
                outputs.store(value, row, column * channels)
              }
            } else {
              Transform.output { row, column in
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

/// Pointers to the rows of a small matrix, which stay in registers; those that are not used cost nothing.
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
  func channels(_ row: Int, _ offset: Int) -> WinogradChannels {
    Element.channels(rows[row], at: offset)
  }

  @inline(__always)
  func store(_ value: WinogradChannels, _ row: Int, _ offset: Int) {
    Element.store(value, to: UnsafeMutablePointer(mutating: rows[row]), at: offset)
  }
}

extension UnsafePointer<Float> {
  /// Elements from `index` on, of any alignment.
  @inline(__always)
  fileprivate func channels(at index: Int) -> WinogradChannels {
    Float.channels(self, at: index)
  }
}

extension KernelElement {
  /// Elements from `index` on, of any alignment.
  @inline(__always)
  fileprivate static func channels(
    _ source: UnsafePointer<Self>, at index: Int
  ) -> WinogradChannels {
    #if arch(arm64)
      var values = WinogradChannels.zero
      for lane in 0..<values.scalarCount { values[lane] = source[index + lane].float }
      return values
    #else
      return vector(source, at: index)
    #endif
  }

  #if arch(arm64)
    @inline(__always)
    fileprivate static func store(
      _ value: WinogradChannels, to target: UnsafeMutablePointer<Self>, at index: Int
    ) {
      for lane in 0..<value.scalarCount { target[index + lane] = Self(rounding: value[lane]) }
    }
  #endif
}
