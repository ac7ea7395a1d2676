/// Which layers `--freeze` names.

import Networks
import Settings
import Testing

@Suite struct FrozenLayersTests {
  private func frozen(_ text: String, model: String = "resnet8") throws -> Set<String> {
    try TrainingConfiguration([("model", model), ("freeze", text)])
      .architecture(classes: 10, input: nil).frozen
  }

  @Test("backbone is all but the classifier, none is nothing")
  func backbone() throws {
    let network = try TrainingConfiguration([("model", "resnet8")])
      .architecture(classes: 10, input: nil)
    #expect(try frozen("none").isEmpty)
    #expect(try frozen("backbone") == Set(network.parameterizedLayers).subtracting(["fc"]))
    #expect(network.parameterizedLayers.contains("fc"))
  }

  @Test("names are layers, or whole words at the beginning of their names")
  func parts() throws {
    #expect(try frozen("conv1,bn1") == ["conv1", "bn1"])
    let block = try frozen("layer1.0")
    #expect(block.contains("layer1.0.conv1") && block.allSatisfy { $0.hasPrefix("layer1.0.") })
    #expect(try frozen("layer1", model: "resnet20").count == 12)
  }

  @Test("what the network does not have, and all of it, are refused")
  func refused() {
    #expect(
      throws: FrozenLayersError.unknown(
        part: "layer", network: "resnet8",
        known: ["conv1", "bn1", "layer1", "layer2", "layer3", "fc"])
    ) { try frozen("conv1,layer") }
    #expect(throws: FrozenLayersError.everything(network: "resnet8")) {
      try frozen("conv1,bn1,layer1,layer2,layer3,fc")
    }
  }
}
