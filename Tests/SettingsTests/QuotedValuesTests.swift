/// Tests of values that YAML would take for something else.

import Settings
import Testing

@Suite struct QuotedValuesTests {
  @Test(
    "names that look like other YAML values survive being written and read",
    arguments: ["null", "~", "yes", "1e3", "some: odd #path", "- a", "[x]", "'", "\"", "ünï"])
  func names(name: String) throws {
    var configuration = TrainingConfiguration()
    configuration.data.directory = name
    configuration.network.weights = name
    let yaml = try configuration.yaml()
    #expect(try TrainingConfiguration(yaml: yaml) == configuration, "\(yaml)")
  }
}
