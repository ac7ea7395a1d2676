/// `resnet-dist recipes`: what each recipe sets.

import ArgumentParser
import Console
import Settings

struct RecipesCommand: RankedCommand {
  static let usesRanks = false

  static let configuration = CommandConfiguration(
    commandName: "recipes",
    abstract: "Show the published settings that train --recipe takes.",
    discussion: """
        # all recipes, as the flags that they stand for
        resnet-dist recipes

        # one of them as a YAML file to change and use with --config
        resnet-dist recipes he2015-cifar --yaml
      """)

  @Argument(help: "One recipe. (default: all)")
  var name: String?

  @Flag(help: "Print the values as YAML for train --config.")
  var yaml = false

  func validate() throws { _ = try recipes }

  func runAlone() throws {
    let texts = try recipes.map { recipe in yaml ? Self.yaml(recipe) : Self.flags(recipe) }
    try StandardConsole.output.writeResult(texts.joined(separator: "\n"))
  }

  private var recipes: [Recipe] {
    get throws {
      guard let name else { return Recipe.allCases }
      guard let recipe = Recipe(rawValue: name) else {
        throw ValidationError("there is no recipe '\(name)'; there are \(Recipe.names)")
      }
      return [recipe]
    }
  }

  private static func flags(_ recipe: Recipe) -> String {
    var lines = ["\(recipe.rawValue): \(recipe.source)"]
    if let departure = recipe.departure { lines.append("  differs in: \(departure)") }
    let keys = TrainingConfiguration.settings.filter(\.isFlag).map(\.key)
    for (key, value) in recipe.values where keys.contains(key) {
      let flag =
        switch value {
        case "true": "--\(key)"
        case "false": "--no-\(key)"
        default: "--\(key) \(value)"
        }
      lines.append("  \(flag)")
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private static func yaml(_ recipe: Recipe) -> String {
    "# \(recipe.source)\n" + recipe.values.map { "\($0): \($1)\n" }.joined()
  }
}
