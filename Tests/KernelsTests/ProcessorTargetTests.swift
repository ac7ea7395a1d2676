/// What the kernels were compiled for, against what the system says of the processor.

import Foundation
import Kernels
import Testing

@Suite struct ProcessorTargetTests {
  #if arch(x86_64)
    @Test("the kernels use instructions that this processor has")
    func matches() throws {
      let text = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
      let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("flags") })
      let flags = Set(line.split(separator: " "))
      #expect(ProcessorTarget.missingExtension == nil)
      switch ProcessorTarget.instructionSet {
      case "AVX-512": #expect(flags.contains("avx512f"))
      case "AVX2": #expect(flags.contains("avx2"))
      case let other: #expect(other == "SSE2")
      }
      #expect(ProcessorTarget.hasTiles == flags.contains("amx_bf16"))
    }
  #elseif arch(arm64)
    @Test("the kernels use instructions that this processor has")
    func matches() {
      #expect(ProcessorTarget.missingExtension == nil)
      #expect(ProcessorTarget.instructionSet == "NEON")
    }
  #endif
}
