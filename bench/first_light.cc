// bench_first_light: measures one server on one machine, with the load generator beside it, and
// writes the results as a table, as JSON and into docs/performance.md. See that file.

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "bench/calm_figure.h"
#include "bench/http_load.h"
#include "bench/report.h"
#include "bench/scenario.h"
#include "bench/server_process.h"
#include "bench/world.h"
#include "store/rocksdb/rocksdb_store.h"

namespace stampede::bench {
namespace {

namespace fs = std::filesystem;

struct Settings {
  std::string server;                // the binary
  std::string data = "build/bench";  // emptied at the start and at the end
  std::string json;                  // file for the results; empty: none
  std::string markdown;              // file to write the section into; empty: none
  double seconds = 10;               // of each load
  size_t connections = 64;
  size_t readers_checked = 40;
  WorldOptions world;
};

constexpr std::string_view kUsage =
    "usage: bench_first_light --server BINARY [--data DIR] [--json FILE] [--markdown FILE]\n"
    "         [--seconds S] [--connections N] [--members N] [--fan-out N] [--lonely N] [--posts "
    "N]\n";

Settings ParseArguments(int argc, char** argv) {
  Settings settings;
  auto text = [](std::string& to) { return [&to](const std::string& value) { to = value; }; };
  auto number = [](size_t& to) {
    return [&to](const std::string& value) { to = std::stoull(value); };
  };
  const std::map<std::string, std::function<void(const std::string&)>> kinds = {
      {"--server", text(settings.server)},
      {"--data", text(settings.data)},
      {"--json", text(settings.json)},
      {"--markdown", text(settings.markdown)},
      {"--seconds", [&](const std::string& value) { settings.seconds = std::stod(value); }},
      {"--connections", number(settings.connections)},
      {"--members", number(settings.world.members)},
      {"--fan-out", number(settings.world.fan_out)},
      {"--lonely", number(settings.world.lonely)},
      {"--posts", number(settings.world.posts)},
  };
  for (int i = 1; i + 1 < argc; i += 2) {
    auto kind = kinds.find(argv[i]);
    if (kind == kinds.end()) throw std::invalid_argument(std::string("unknown: ") + argv[i]);
    kind->second(argv[i + 1]);
  }
  if (argc % 2 == 0 || settings.server.empty()) throw std::invalid_argument("--server is needed");
  return settings;
}

std::string Ms(uint64_t us) {
  char text[32];
  std::snprintf(text, sizeof(text), us < 10'000 ? "%.2f ms" : "%.1f ms",
                static_cast<double>(us) / 1000);
  return text;
}

// What a load cost both sides, per request.
class CpuMeter {
 public:
  explicit CpuMeter(const ServerProcess& server) : server_(server), before_s_(server.cpu_s()) {}
  std::string Note(const LoadResult& result) const {
    double requests = std::max<double>(1, static_cast<double>(result.right));
    char text[96];
    std::snprintf(text, sizeof(text), "CPU per request: server %.0f µs, generator %.0f µs",
                  (server_.cpu_s() - before_s_) * 1e6 / requests,
                  result.own_cpu_s * 1e6 / requests);
    return text;
  }

 private:
  const ServerProcess& server_;
  double before_s_;
};

class FirstLight {
 public:
  explicit FirstLight(Settings settings) : settings_(std::move(settings)) {
    fs::remove_all(settings_.data);
    fs::create_directories(settings_.data);
    report_.title = "First light";
    report_.machine = DescribeMachine();
  }

  void Run() {
    Baselines();
    Idle();
    World world = LoadWorld();
    StartUp();
    Serve(world);
    fs::remove_all(settings_.data);
  }

  const Report& report() const { return report_; }

 private:
  std::string Path(const std::string& name) const { return settings_.data + "/" + name; }

  std::unique_ptr<ServerProcess> Start(const std::string& data) {
    return std::make_unique<ServerProcess>(settings_.server, Path(data), Path("server.log"));
  }

  static void Step(const std::string& what) { std::fprintf(stderr, "· %s\n", what.c_str()); }

  // How often one thread can append a page to a file and have it on the disk.
  void Baselines() {
    Step("flushes to disk");
    const std::string path = Path("flush");
    int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) throw std::runtime_error("cannot write to " + settings_.data);
    const std::string page(4096, 'x');
    Histogram latency_us;
    int64_t begin_us = clock_.MonotonicUs(), now_us = begin_us;
    while (now_us < begin_us + 3'000'000) {
      int64_t before_us = now_us;
      bool written = ::write(fd, page.data(), page.size()) == 4096 && ::fdatasync(fd) == 0;
      if (!written) throw std::runtime_error("cannot write to " + settings_.data);
      now_us = clock_.MonotonicUs();
      latency_us.Record(static_cast<uint64_t>(now_us - before_us));
    }
    ::close(fd);
    fs::remove(path);
    report_.Add({.key = "flushes_per_s",
                 .text = "Baseline: 4 KB appends, each flushed",
                 .value = static_cast<double>(latency_us.count()) * 1e6 /
                          static_cast<double>(now_us - begin_us),
                 .unit = "/s",
                 .note = "one thread, fdatasync; p50 " + Ms(latency_us.Percentile(50)) + ", p99 " +
                         Ms(latency_us.Percentile(99))});
  }

  void Idle() {
    Step("an idle server");
    auto server = Start("fresh");
    ::poll(nullptr, 0, 5'000);
    double rss_mb = server->rss_mb();
    Step("requests for /health");
    RepeatSource source(FormatRequest("GET", "/health", {}));
    CpuMeter cpu(*server);
    LoadResult result = RunClosed(*server, source, settings_.seconds / 2);
    report_.Add({.key = "health_per_s",
                 .text = "Baseline: GET /health",
                 .value = result.per_second(),
                 .unit = "/s",
                 .note = Describe(result, cpu)});
    report_.Add({.key = "rss_idle_mb",
                 .text = "Memory, idle",
                 .value = rss_mb,
                 .unit = "MB",
                 .floor = "< 40 MB",
                 .note = "resident, 5 s after the start on an empty directory"});
    server->Stop();
  }

  World LoadWorld() {
    Step("loading the world");
    int64_t begin_us = clock_.MonotonicUs();
    auto store =
        store::OpenRocksDb({.path = Path("world/store"), .memtable_bytes = 64 * 1024 * 1024});
    Site site;
    site.base_url = "http://localhost";
    World world = World::Load(*store, site, clock_, settings_.world);
    store.reset();
    Step("loaded in " + std::to_string((clock_.MonotonicUs() - begin_us) / 1'000'000) + " s");
    return world;
  }

  void StartUp() {
    Step("letting the store settle");
    {
      auto server = Start("world");
      server->WaitUntilCalm();
      server->Stop();
    }
    Step("starts");
    std::vector<int64_t> start_us;
    for (int i = 0; i < 5; ++i) {
      auto server = Start("world");
      start_us.push_back(server->start_us());
      server->Stop();
    }
    std::ranges::sort(start_us);
    report_.Add({.key = "start_ms",
                 .text = "Start with " + std::to_string(settings_.world.posts) + " posts stored",
                 .value = static_cast<double>(start_us[2]) / 1000,
                 .unit = "ms",
                 .floor = "< 300 ms",
                 .note = "to the first good /health; median of 5, slowest " +
                         Ms(static_cast<uint64_t>(start_us[4]))});
  }

  // How much of the machine went to neither the server nor the generator.
  class Disturbance {
   public:
    explicit Disturbance(const ServerProcess& server)
        : server_(server), wall_us_(clock_.MonotonicUs()), others_s_(OthersCpuSeconds()) {}
    double Percent() {
      double wall_s = static_cast<double>(clock_.MonotonicUs() - wall_us_) / 1e6;
      double all_s = wall_s * static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN));
      return std::max(0.0, 100 * (OthersCpuSeconds() - others_s_) / all_s);
    }

   private:
    double OthersCpuSeconds() const {
      double own_s = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
      return MachineCpuSeconds() - server_.cpu_s() - own_s;
    }
    SystemClock clock_;
    const ServerProcess& server_;
    int64_t wall_us_;
    double others_s_;
  };

  void Serve(const World& world) {
    auto server = Start("world");
    Disturbance disturbance(*server);
    ReadAllHomes(*server, world);
    Posts(*server, world.lonely(), "fan_out_0", "Durable posts, fan-out 0", "");
    std::vector<AckedPost> acked = Posts(
        *server, world.members(), "fan_out",
        "Durable posts, fan-out " + std::to_string(settings_.world.fan_out), "≥ 2,000", &world);
    Homes(*server, world);
    report_.Add({.key = "rss_load_mb",
                 .text = "Memory under load",
                 .value = server->peak_rss_mb(),
                 .unit = "MB",
                 .note = "the most that was resident during all of the above"});
    report_.Add({.key = "disturbance_percent",
                 .text = "Disturbance: CPU used by others",
                 .value = disturbance.Percent(),
                 .unit = "%",
                 .note = "of the machine, while the above was measured; a few are its own I/O"});
    server->Kill();
    Restart(world, acked);
  }

  // So that every feed is in memory when posting begins.
  void ReadAllHomes(ServerProcess& server, const World& world) {
    Step("reading every home once");
    HomeSource homes(world.members(), random_, true);
    LoadResult result = RunLoad(homes, {.port = server.port(), .connections = 8});
    if (!result.clean()) throw std::runtime_error("homes cannot be read");
    report_.Add({.key = "feed_rebuilds_per_s",
                 .text = "Feeds rebuilt from the store",
                 .value = result.per_second(),
                 .unit = "/s",
                 .note = Percentiles(result) + " with 8 readers at a time, page included"});
    HomeSource lonely(world.lonely(), random_, true);  // also notes their activity of today
    RunLoad(lonely, {.port = server.port(), .connections = 8});
  }

  // Posts by `authors`. With a world, they are its members: what was acknowledged is verified.
  std::vector<AckedPost> Posts(ServerProcess& server, std::span<const Member> authors,
                               const std::string& key, const std::string& text,
                               const std::string& floor, const World* world = nullptr) {
    Step(text);
    PostSource source(authors, random_);
    double deliveries = server.Metric(kDeliveries);
    CpuMeter cpu(server);
    LoadResult fast = RunClosed(server, source, settings_.seconds);
    std::string note = Describe(fast, cpu);
    LoadResult half = RunOpen(server, source, fast.per_second() / 2);
    if (world != nullptr) VerifyPosts(server, *world, source.acked(), deliveries);
    report_.Add({.key = "posts_per_s_" + key,
                 .text = text,
                 .value = fast.per_second(),
                 .unit = "/s",
                 .floor = floor,
                 .note = note});
    AddPercentiles(half, "posts_" + key);
    if (world != nullptr) {
      report_.Add({.key = "deliveries_per_s",
                   .text = "– deliveries into feeds",
                   .value = fast.per_second() * static_cast<double>(world->options().fan_out + 1),
                   .unit = "/s",
                   .note = "each a stored entry, the author's own included; counted, and " +
                           std::to_string(settings_.readers_checked) + " homes compared"});
    }
    return source.acked();
  }

  // Every acknowledged post went into every follower's feed and the author's own, and what sampled
  // followers see is what they must see.
  void VerifyPosts(ServerProcess& server, const World& world, const std::vector<AckedPost>& acked,
                   double deliveries_before) {
    VerifyHomes(world, server.port(), acked, settings_.readers_checked, random_);
    double expected = static_cast<double>(acked.size() * (world.options().fan_out + 1));
    double delivered = server.Metric(kDeliveries) - deliveries_before;
    if (delivered != expected) {
      throw std::runtime_error("delivered " + std::to_string(delivered) + " instead of " +
                               std::to_string(expected));
    }
  }

  void Homes(ServerProcess& server, const World& world) {
    Step("home pages");
    HomeSource source(world.members(), random_, false);
    CpuMeter cpu(server);
    LoadResult fast = RunClosed(server, source, settings_.seconds);
    std::string note = Describe(fast, cpu) + "; " +
                       std::to_string(static_cast<int>(source.page_bytes() / 1000)) + " KB a page";
    LoadResult half = RunOpen(server, source, fast.per_second() / 2);
    report_.Add({.key = "home_pages_per_s",
                 .text = "Home pages of 20 statuses",
                 .value = fast.per_second(),
                 .unit = "/s",
                 .floor = "≥ 3,000",
                 .note = note});
    AddPercentiles(half, "home");
  }

  // After kill -9 everything that was acknowledged must be there.
  void Restart(const World& world, const std::vector<AckedPost>& acked) {
    Step("start after kill -9");
    auto server = Start("world");
    report_.Add({.key = "start_after_kill_ms",
                 .text = "Start after kill -9 under this load",
                 .value = static_cast<double>(server->start_us()) / 1000,
                 .unit = "ms",
                 .note = "replays the log; the same homes compared again, rebuilt from the store"});
    VerifyHomes(world, server->port(), acked, settings_.readers_checked, random_);
    server->Stop();
  }

  LoadResult RunClosed(const ServerProcess& server, LoadSource& source, double seconds) {
    return RequireClean(RunLoad(source, {.port = server.port(),
                                         .connections = settings_.connections,
                                         .duration_us = static_cast<int64_t>(seconds * 1e6)}));
  }

  LoadResult RunOpen(const ServerProcess& server, LoadSource& source, double rate_per_s) {
    return RequireClean(
        RunLoad(source, {.port = server.port(),
                         .connections = 4 * settings_.connections,
                         .rate_per_s = rate_per_s,
                         .duration_us = static_cast<int64_t>(settings_.seconds * 1e6),
                         .watch_pace = true,
                         .server_cpu_s = [&] { return server.cpu_s(); }}));
  }

  // A load that had a single failure counts for nothing.
  static LoadResult RequireClean(LoadResult result) {
    if (result.clean()) return result;
    std::string what = "the load failed: " + std::to_string(result.right) + " right, " +
                       std::to_string(result.wrong) + " wrong, " + std::to_string(result.broken) +
                       " without a reply; by status:";
    for (auto [status, count] : result.statuses) {
      what += " " + std::to_string(status) + "×" + std::to_string(count);
    }
    throw std::runtime_error(what);
  }

  static std::string Percentiles(const LoadResult& result) {
    return "p50 " + Ms(result.latency_us.Percentile(50)) + ", p99 " +
           Ms(result.latency_us.Percentile(99));
  }

  std::string Describe(const LoadResult& result, const CpuMeter& cpu) const {
    return std::to_string(settings_.connections) + " connections; " + Percentiles(result) + "; " +
           cpu.Note(result);
  }

  void AddPercentiles(const LoadResult& half, const std::string& key) {
    std::string note = "open loop, " + std::to_string(static_cast<int>(half.per_second())) +
                       "/s, from when the request was due";
    for (auto [name, percent] : {std::pair{"p50", 50.0}, {"p99", 99.0}}) {
      report_.Add({.key = key + "_" + name + "_ms",
                   .text = std::string("– ") + name + " at half of it",
                   .value = static_cast<double>(half.latency_us.Percentile(percent)) / 1000,
                   .unit = "ms",
                   .note = note});
    }
    AddCalmFigures(report_, key, half);
  }

  static constexpr const char* kDeliveries = "feed_deliveries_total";

  Settings settings_;
  SystemClock clock_;
  SeededRandom random_{2};
  Report report_;
};

int Main(int argc, char** argv) {
  Settings settings;
  try {
    settings = ParseArguments(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n%s", error.what(), std::string(kUsage).c_str());
    return 2;
  }
  try {
    FirstLight bench(settings);
    bench.Run();
    Report report = bench.report();
    report.command = "make bench";
    std::fputs(ToText(report).c_str(), stdout);
    if (!settings.json.empty()) std::ofstream(settings.json) << ToJson(report);
    if (!settings.markdown.empty()) {
      ReplaceSection(settings.markdown, "first light", ToMarkdown(report));
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "no results: %s (the server's log: %s/server.log)\n", error.what(),
                 settings.data.c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace stampede::bench

int main(int argc, char** argv) { return stampede::bench::Main(argc, argv); }
