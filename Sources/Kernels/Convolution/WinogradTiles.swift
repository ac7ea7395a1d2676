/// How an image is cut into Winograd tiles, and the passes between images and transformed tiles.

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

  /// The elements of the images that a block covers.
  func elements(_ block: Block) -> Range<Int> {
    let row = shape.width * shape.channels
    let first = block.images.lowerBound * shape.count + 4 * block.tileRows.lowerBound * row
    let last =
      (block.images.upperBound - 1) * shape.count
      + min(4 * block.tileRows.upperBound, shape.height) * row
    return first..<last
  }

  // MARK: Passes

  /// Scratch floats for the zero-padded rows of a row of tiles.
  var bandCount: Int { WinogradTransforms.inputSide * padded.pitch }

  /// A row and column around the image, and what whole tiles take more.
  private var padded: PaddedRows {
    PaddedRows(shape: shape, left: 1, right: 4 * tileColumns + 1 - shape.width)
  }

  /// V[36][tiles][C] = Bᵀ d B of a block.
  @inline(never)
  func transformInput(
    _ input: UnsafePointer<Float>, _ block: Block, into transformed: UnsafeMutablePointer<Float>,
    stride: Int, band: UnsafeMutablePointer<Float>
  ) {
    let channels = shape.channels
    let pitch = padded.pitch
    WinogradTransforms.withRoom { room in
      var tile = 0
      for image in block.images {
        for tileRow in block.tileRows {
          fillBand(input + image * shape.count, tileRow: tileRow, into: band)
          for tileColumn in 0..<tileColumns {
            let source = UnsafePointer(band) + 4 * tileColumn * channels
            let target = transformed + tile * channels
            var channel = 0
            while channel < channels {
              WinogradTransforms.twice(room, WinogradTransforms.input) { row, column in
                source.vector(at: row * pitch + column * channels + channel)
              } store: { row, column, value in
                target.store(value, at: (6 * row + column) * stride + channel)
              }
              channel += Vector.lanes
            }
            tile += 1
          }
        }
      }
    }
  }

  /// D[36] = A dy Aᵀ of a block; at each position, for each `width` channels, [tiles, width] in the
  /// panels of `PanelProduct`.
  @inline(never)
  func transformOutputGradient(
    _ gradient: UnsafePointer<Float>, _ block: Block, panels width: Int,
    into transformed: UnsafeMutablePointer<Float>, stride: Int,
    band: UnsafeMutablePointer<Float>
  ) {
    let channels = shape.channels
    let pitch = padded.pitch
    WinogradTransforms.withRoom { room in
      var tile = 0
      for image in block.images {
        for tileRow in block.tileRows {
          fillBand(gradient + image * shape.count, tileRow: tileRow, into: band)
          for tileColumn in 0..<tileColumns {
            let source = UnsafePointer(band) + (pitch + (4 * tileColumn + 1) * channels)
            var channel = 0
            while channel < channels {
              let part = channel / width
              let target =
                transformed + part * width * block.tiles
                + PanelProduct.panelOffset(
                  step: tile, column: channel - part * width, steps: block.tiles, columns: width)
              WinogradTransforms.twice(room, WinogradTransforms.outputGradient) { row, column in
                source.vector(at: row * pitch + column * channels + channel)
              } store: { row, column, value in
                target.store(value, at: (6 * row + column) * stride)
              }
              channel += Vector.lanes
            }
            tile += 1
          }
        }
      }
    }
  }

  /// y = Aᵀ m A of a block's channels `channels`, written or added to the images.
  ///
  /// - Parameter products: [36][tiles][channels.count].
  @inline(never)
  func transformOutput(
    _ products: UnsafePointer<Float>, stride: Int, _ block: Block, channels range: Range<Int>,
    output: UnsafeMutablePointer<Float>, accumulate: Bool
  ) {
    let channels = shape.channels
    let pitch = shape.width * channels
    WinogradTransforms.withRoom { room in
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
            // Whole tiles without conditions in the loop.
            if rows == 4 && columns == 4 {
              transformTile(room, source, stride: stride, channels: range.count) {
                row, column, channel, value in
                let offset = row * pitch + column * channels + channel
                target.store(accumulate ? target.vector(at: offset) + value : value, at: offset)
              }
            } else {
              transformTile(room, source, stride: stride, channels: range.count) {
                row, column, channel, value in
                guard row < rows && column < columns else { return }
                let offset = row * pitch + column * channels + channel
                target.store(accumulate ? target.vector(at: offset) + value : value, at: offset)
              }
            }
            tile += 1
          }
        }
      }
    }
  }

  @inline(__always)
  private func transformTile(
    _ room: UnsafeMutablePointer<Float>, _ source: UnsafePointer<Float>, stride: Int,
    channels: Int, store: (_ row: Int, _ column: Int, _ channel: Int, Vector) -> Void
  ) {
    var channel = 0
    while channel < channels {
      WinogradTransforms.twice(room, WinogradTransforms.output) { row, column in
        source.vector(at: (6 * row + column) * stride + channel)
      } store: { row, column, value in
        store(row, column, channel, value)
      }
      channel += Vector.lanes
    }
  }

  /// Makes a band ready for the images.
  func clearBand(_ band: UnsafeMutablePointer<Float>) {
    padded.clearSides(band, rows: WinogradTransforms.inputSide)
  }

  /// Copies the rows that a row of tiles reads: few enough to stay in the first-level cache.
  @inline(__always)
  private func fillBand(
    _ image: UnsafePointer<Float>, tileRow: Int, into band: UnsafeMutablePointer<Float>
  ) {
    padded.fill(image, rows: 4 * tileRow - 1..<4 * tileRow + 5, into: band)
  }
}
