/// Running a program to its end, for tests of the command line.

import Foundation

/// Starts programs and collects what they print; none outlives its time limit.
public enum ProcessRunner {
  /// How a program ended and what it printed.
  public struct Outcome: Sendable {
    /// The exit code; 128 + n for a program that signal n ended, as shells count.
    public let exitCode: Int32
    public let standardOutput: String
    public let standardError: String
    /// Whether it ran past its limit and was ended.
    public let timedOut: Bool
  }

  /// A program that could not be started.
  public struct LaunchError: Error, CustomStringConvertible {
    public let description: String
  }

  /// Runs a program in a process group of its own and waits for it.
  ///
  /// Past the limit the group gets SIGTERM, on which `mpirun` ends its ranks (they are in groups of
  /// their own), and SIGKILL five seconds later. Output goes through files, which a child left over
  /// cannot hold open as it could a pipe.
  ///
  /// - Parameters:
  ///   - executable: a path, or a name that is looked up in `PATH`.
  ///   - environment: added to this process's environment; a nil value removes the variable.
  ///   - directory: the working directory; this process's, if not given.
  ///   - seconds: the limit.
  /// - Throws: `LaunchError` if the program cannot be started.
  public static func run(
    _ executable: String, _ arguments: [String] = [], environment: [String: String?] = [:],
    directory: String? = nil, timeout seconds: Double = 120
  ) throws -> Outcome {
    let output = try TemporaryDirectory()
    let process = try start(
      executable, arguments, environment: environment, directory: directory, output: output)
    let (status, timedOut) = wait(for: process, until: Date(timeIntervalSinceNow: seconds))
    // Children that the program left behind end with it.
    kill(-process, SIGKILL)
    let signal = status & 0x7F
    return Outcome(
      exitCode: signal == 0 ? status >> 8 & 0xFF : 128 + signal,
      standardOutput: text(of: output.file("stdout")),
      standardError: text(of: output.file("stderr")),
      timedOut: timedOut)
  }

  /// The process's identifier, which is its group's as well.
  private static func start(
    _ executable: String, _ arguments: [String], environment: [String: String?],
    directory: String?, output: TemporaryDirectory
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    let flags = O_WRONLY | O_CREAT | O_TRUNC
    posix_spawn_file_actions_addopen(&actions, 1, output.file("stdout"), flags, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, output.file("stderr"), flags, 0o600)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setpgroup(&attributes, 0)
    // A test runner blocks or ignores signals; the program must not inherit that.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    let options = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
    posix_spawnattr_setflags(&attributes, Int16(options))

    var variables = ProcessInfo.processInfo.environment
    for (name, value) in environment { variables[name] = value }
    // Spawning in another directory is not in the headers that Swift sees; coreutils' env does it.
    let command =
      if let directory { ["env", "--chdir=\(directory)", executable] + arguments } else {
        [executable] + arguments
      }
    let argv = command.map { strdup($0) } + [nil]
    let envp = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for string in argv + envp { free(string) } }

    var process: pid_t = 0
    let code = posix_spawnp(&process, command[0], &actions, &attributes, argv, envp)
    guard code == 0 else {
      throw LaunchError(
        description: "cannot start \(executable): \(String(cString: strerror(code)))")
    }
    return process
  }

  private static func wait(for process: pid_t, until deadline: Date) -> (Int32, timedOut: Bool) {
    var status: Int32 = 0
    var timedOut = false
    while true {
      let result = waitpid(process, &status, WNOHANG)
      if result == process { return (status, timedOut) }
      if result < 0, errno != EINTR { return (255 << 8, timedOut) }
      if Date() >= deadline, !timedOut {
        kill(-process, SIGTERM)
        timedOut = true
      }
      if Date() >= deadline + 5 { kill(-process, SIGKILL) }
      usleep(2_000)
    }
  }

  /// Bytes that are not UTF-8 become replacement characters.
  private static func text(of path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }
}
