/// Each pass of compilation alone: what it does to a program, step by step.

import Networks
import Tensors
import Testing

@Suite struct ProgramPassTests {
  private func program(
    _ architecture: Architecture, mode: PassMode = .training, _ passes: any ProgramPass...
  ) -> Program {
    passes.reduce(Program(architecture.classifier, images: 4, mode: mode)) { $1($0) }
  }

  private func step(_ name: String, of program: Program) throws -> Program.Step {
    try #require(program.steps.first { $0.name == name })
  }

  private static func marking(_ architecture: Architecture) -> MarkGradients {
    MarkGradients(ParameterLayout(architecture.classifier))
  }

  @Test("without passes each operation is a step, the loss included")
  func unfused() {
    let architecture = Architecture.small(.a)
    #expect(program(architecture).steps.count == architecture.nodes.count)
  }

  @Test("what no output and no loss depends on is left out, and all else stays as it is")
  func dropUnused() throws {
    var builder = ArchitectureBuilder(input: ImageShape(height: 4, width: 4, channels: 2))
    let shared = builder.convolution("shared", builder.input, channels: 2, kernel: 1)
    let left = builder.relu(builder.batchNormalization("left", shared))
    let right = builder.convolution("right", shared, channels: 2, kernel: 3)
    _ = builder.relu(right)
    func names(_ outputs: [Int]) -> [String] {
      let network = builder.architecture(name: "two branches", summary: "", outputs: outputs)
      let program = DropUnused()(Program(network, images: 1, mode: .training))
      for (index, step) in program.steps.enumerated() {
        #expect(program.values[step.output].writer == index)
      }
      return program.steps.map(\.name)
    }
    #expect(names([left]) == ["shared", "left", "left.relu"])
    #expect(names([right]) == ["shared", "right"])
    #expect(names([left, right]) == ["shared", "left", "left.relu", "right"])
    // A loss needs what it reads, though it is no output.
    let classifier = Architecture.small(.a)
    #expect(
      program(classifier, DropUnused()).steps.map(\.name) == program(classifier).steps.map(\.name))
    #expect(program(classifier, DropUnused()).steps.last?.operation is any Loss)
  }

  @Test("a normalization takes in the addition and the ReLU after it, and no output")
  func fuseNormalizations() throws {
    let fused = program(.small(.a), FuseNormalizations())
    #expect(try step("layer1.0.bn1", of: fused).epilogue == .relu)
    #expect(try step("layer1.0.bn2", of: fused).epilogue == [.add, .relu])
    #expect(!fused.steps.contains { $0.operation is AdditionOperation })
    for step in fused.steps { #expect(step.inputs.allSatisfy { $0 < step.output }) }
    var builder = ArchitectureBuilder(input: ImageShape(height: 4, width: 4, channels: 2))
    let normalized = builder.batchNormalization(
      "bn", builder.convolution("c", builder.input, channels: 2, kernel: 1))
    let rectified = builder.relu(normalized)
    let network = builder.architecture(
      name: "two outputs", summary: "", outputs: [normalized, rectified])
    #expect(try step("bn", of: program(network, FuseNormalizations())).epilogue == [])
  }

  @Test("a normalization is linked to the convolution before and the one that first reads it")
  func fuseBlocks() throws {
    let linked = program(.small(.b), FuseNormalizations(), FuseBlocks())
    for (index, step) in linked.steps.enumerated() {
      if let producer = step.producer {
        #expect(linked.steps[producer].following == index)
        #expect(linked.steps[producer].output == step.inputs[0])
      }
      if let reader = step.reader {
        #expect(linked.steps[reader].preceding == index)
        #expect(linked.steps[reader].inputs == [step.output])
      }
    }
    let first = try step("layer1.0.bn1", of: linked)
    #expect(first.producer.map { linked.steps[$0].name } == "layer1.0.conv1")
    #expect(first.reader.map { linked.steps[$0].name } == "layer1.0.conv2")
    // The pooling reads the last normalization.
    #expect(try step("layer3.0.bn2", of: linked).reader == nil)
  }

  @Test("gradients end at the first trained layer")
  func markGradients() throws {
    var network = Architecture.small(.a)
    #expect(program(network, Self.marking(network)).values[0].needsGradient == false)
    #expect(
      program(network, Self.marking(network)).values.dropFirst().allSatisfy { $0.needsGradient })
    network.frozen = Set(network.nodes.map(\.name).filter { !$0.hasPrefix("layer3") && $0 != "fc" })
    let marked = program(network, Self.marking(network))
    #expect(try step("layer2.0.conv1", of: marked).trainsParameters == false)
    #expect(try marked.hasBackward(step("layer2.0.bn2", of: marked)) == false)
    #expect(try step("layer3.0.conv1", of: marked).trainsParameters)
    #expect(try marked.hasBackward(step("layer3.0.bn1", of: marked)))
  }

  @Test("what leads to no loss has no gradients, and no normalization leaves its own to it")
  func gradientsBesideLosses() throws {
    var builder = ArchitectureBuilder(input: ImageShape(height: 4, width: 4, channels: 2))
    let first = builder.convolution("first", builder.input, channels: 2, kernel: 1)
    let shared = builder.relu(builder.batchNormalization("shared", first))
    let beside = builder.convolution("beside", shared, channels: 2, kernel: 1)
    let scores = builder.fullyConnected(
      "fc", builder.globalAveragePooling("pool", shared), outputs: 3)
    var network = builder.architecture(name: "", summary: "", outputs: [scores, beside])
    network.frozen = ["beside"]
    let marked = program(network, FuseNormalizations(), Self.marking(network), FuseBlocks())
    #expect(try marked.hasBackward(step("first", of: marked)))
    #expect(try marked.hasBackward(step("shared", of: marked)))
    #expect(try marked.hasBackward(step("beside", of: marked)) == false)
    #expect(try step("shared", of: marked).reader == nil)
    // Without gradients it may.
    let tested = program(network, mode: .evaluation, FuseNormalizations(), FuseBlocks())
    #expect(
      try step("shared", of: tested).reader.map { tested.steps[$0].name } == "beside")
  }

  @Test("outputs of normalizations are left to their readers, or recomputed in chains")
  func rematerialize() throws {
    let network = Architecture.cifar(20)
    let passes: [any ProgramPass] = [FuseNormalizations(), Self.marking(network), FuseBlocks()]
    let base = passes.reduce(Program(network.classifier, images: 4, mode: .training)) { $1($0) }
    let large = Rematerialize(leastCount: .max)(base)
    let small = Rematerialize(leastCount: 0)(base)
    let inner = try step("layer1.1.bn1", of: base).output
    let block = try step("layer1.1.bn2", of: base).output
    #expect(large.values[inner].storage == .never)
    #expect(large.values[block].storage == .always)
    #expect(small.values[block].storage == .forward)
    #expect(
      small.storedValues(of: inner, in: .backward) == [try step("layer1.1.bn1", of: base).inputs[0]]
    )
  }

  @Test("values that are alive at the same time share no memory")
  func planMemory() throws {
    let network = Architecture.small(.b)
    let planned = program(
      network, FuseNormalizations(), Self.marking(network), FuseBlocks(), Rematerialize(),
      PlanMemory())
    for step in planned.steps where !(step.operation is any Loss) {
      let output = planned.values[step.output].slot
      if planned.values[step.output].storage == .always { #expect(output != nil, "\(step.name)") }
      for input in step.inputs {
        guard let output, let slot = planned.values[input].slot else { continue }
        let (one, other) = (range(output), range(slot))
        #expect(one == nil || other == nil || !one!.overlaps(other!), "\(step.name)")
      }
    }
    #expect(planned.values[0].slot?.memory == .batch)
  }

  private func range(_ slot: TensorSlot) -> Range<Int>? {
    switch slot.memory {
    case .batch: nil
    case .arena(let offset): offset..<offset + slot.bytes(images: 4)
    }
  }
}
