/// The tables of machines, and the sizes that no table may change.

import Kernels
import Testing

@Suite struct KernelTargetTests {
  @Test("blocks fill whole tiles and stay in their caches", arguments: KernelTarget.all)
  func blocks(target: KernelTarget) {
    #expect(target.mc % target.mr == 0 && target.nr % 16 == 0)
    // A group of a tile's product is sixteen steps.
    #expect(target.kc % 16 == 0)
    #expect(16 % target.registerFloats == 0)
    #expect(target.kc * target.nr < target.l1)
    #expect(target.mc * target.kc <= target.l2 / 2)
    #expect(target.l2 <= target.l3)
  }

  @Test("the kernels' table is that of their instruction set")
  func current() {
    let floats = ["AVX-512": 16, "NEON": 4][ProcessorTarget.instructionSet] ?? 8
    #expect(KernelTarget.current.registerFloats == floats)
    #expect(KernelTarget.all.contains(KernelTarget.current))
  }

  @Test("sizes that decide an order of summation are the same numbers for ever")
  func reproducible() {
    #expect(ReproducibleBlocking.activations(.float32) == 49_152)
    #expect(ReproducibleBlocking.activations(.bfloat16) == 98_304)
    #expect(ReproducibleBlocking.pairedTiles == 131_072)
    #expect(ReproducibleBlocking.patches == 98_304)
    #expect(ReproducibleBlocking.positions == 192)
    #expect(ReproducibleBlocking.wholeImage == 262_144)
    #expect(ReproducibleBlocking.residentWeights == 786_432)
    #expect(ReproducibleBlocking.transformedFilters == 1_048_576)
    #expect(ReproducibleBlocking.streamedTiles == 1_572_864)
  }
}
