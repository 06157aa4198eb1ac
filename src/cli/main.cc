#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <string>
#include <system_error>

#include "app/app.h"
#include "app/config.h"
#include "base/huge_pages.h"
#include "bench/bench.h"
#include "cli/commands.h"
#include "cli/common_flags.h"
#include "cli/store_commands.h"
#include "obs/log.h"

extern "C" const char* malloc_conf;
const char* malloc_conf = stampede::kMallocConf;

// Commands are small, and so are most servers; a large one decides otherwise (Serve). Before anything
// else runs, the initialisers of libraries included, since they fill the first pages.
__attribute__((section(".preinit_array"), used)) static void (*const start_small)() = [] {
  stampede::AllowHugePages(false);
};

// The command line. Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
namespace stampede::cli {
namespace {

// `stampede bench`: the load tool; docs/performance.md shows how it is used.
void AddBench(CLI::App& command, bench::BenchOptions& options) {
  auto add = [&](const char* name, auto& value, const char* text) {
    command.add_option(name, value, text)->capture_default_str();
  };
  add("--data", options.data, "directory of the loaded graph, used again when it fits");
  add("--out", options.out, "directory for bench.json and charts");
  add("--markdown", options.markdown, "document with a section to rewrite");
  add("--section", options.section, "name of that section");
  add("--server", options.server, "program to start");
  add("--accounts", options.accounts, "accounts in the graph");
  add("--follows", options.follows, "whom every account follows, besides one celebrity");
  add("--fan-out", options.fan_out, "followers of a post's author, on average over posts");
  add("--largest-share", options.largest_share, "share of all who follow the largest account");
  add("--posts", options.posts, "posts loaded before; 0: one per account");
  add("--seed", options.seed, "of the graph and of the loads");
  command.add_option("--mix", options.mixes, "loads: post, read, realistic")
      ->delimiter(',')
      ->capture_default_str();
  add("--posts-per-s", options.posts_per_s, "offered in the mixes with posts; 0: closed loop");
  add("--reads-per-s", options.reads_per_s, "offered in the mix without; 0: closed loop");
  add("--seconds", options.seconds, "of each load");
  command.add_option("--ramp", options.ramp, "posts/s, one load after the other")->delimiter(',');
  add("--ramp-seconds", options.ramp_seconds, "of each of them");
  command.add_flag("--announcement,!--no-announcement", options.announcement,
                   "posts to everybody, under load");
  add("--warm", options.warm, "share of the accounts whose homes are read before");
  command.add_flag("--fill,!--no-fill", options.fill, "posts before, until feeds are full");
  add("--connections", options.connections, "of the closed loop; four times as many of the open");
  add("--homes-checked", options.homes_checked, "homes compared at the end");
  command.add_option("--set", options.settings, "setting of the server, NAME=VALUE");
}

int Usage(const CLI::App& program, const CLI::ParseError& error) {
  int code = program.exit(error);
  return code == 0 ? 0 : 2;
}

int Run(int argc, char** argv) {
  CLI::App program("Stampede, a Mastodon-compatible social server", "stampede");
  program.require_subcommand(1);
  program.set_version_flag("--version", std::string(app::kVersion));

  CommonFlags flags;
  bool demo = false;
  CLI::App* serve = program.add_subcommand("serve", "run the server");
  flags.AddTo(*serve, true);
  serve->add_flag("--demo", demo, "fill an empty store with a small community to look at");

  CLI::App* user = program.add_subcommand("user", "accounts of this server");
  user->require_subcommand(1);
  NewUserFlags new_user;
  CLI::App* create = user->add_subcommand("create", "create an account");
  flags.AddTo(*create, false);
  create->add_option("name", new_user.name, "user name")->required();
  create->add_option("--email", new_user.email, "e-mail address")->required();
  create->add_option("--password", new_user.password, "password")->required();
  create->add_flag("--confirmed", new_user.confirmed, "the e-mail address needs no confirmation");
  std::string approved_name;
  CLI::App* approve = user->add_subcommand("approve", "let a waiting account in");
  flags.AddTo(*approve, false);
  approve->add_option("name", approved_name, "user name")->required();

  StoreCommands store_commands(program);

  CLI::App* routes =
      program.add_subcommand("routes", "list every route: method, path, auth, scopes");
  CLI::App* settings = program.add_subcommand("settings", "list every setting (Markdown)");
  CLI::App* coverage = program.add_subcommand("api-coverage", "the route table as Markdown");
  bench::BenchOptions bench_options;
  CLI::App* bench = program.add_subcommand("bench", "measure a server under load on this machine");
  AddBench(*bench, bench_options);
  // The decoder of pictures, started by the server itself with pipes for input and output.
  CLI::App* media_child = program.add_subcommand("media-child", "decode a picture")->group("");
  std::string picture_kind;
  media_child->add_option("kind", picture_kind)->required();

  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return Usage(program, error);
  }
  if (*serve) return Serve(flags.Load(), demo);
  if (*create) return CreateUser(flags.Load(), new_user);
  if (*approve) return ApproveUser(flags.Load(), approved_name);
  if (std::optional<int> code = store_commands.Run()) return *code;
  if (*routes) return PrintRoutes();
  if (*coverage) return PrintApiCoverage();
  if (*bench) {
    bench_options.command = "stampede";
    for (int i = 1; i < argc; ++i) bench_options.command += std::string(" ") + argv[i];
    return bench::RunBench(bench_options);
  }
  if (*media_child) return DecodePicture(picture_kind);
  if (*settings) std::cout << app::DescribeSettings();
  return 0;
}

}  // namespace
}  // namespace stampede::cli

int main(int argc, char** argv) {
  try {
    return stampede::cli::Run(argc, argv);
  } catch (const stampede::Error& error) {
    std::cerr << "stampede: " << error.public_text() << "\n";
    for (const auto& field : error.fields()) {
      std::cerr << "  " << field.field << ": " << field.description << "\n";
    }
  } catch (const std::exception& error) {
    std::cerr << "stampede: " << error.what() << "\n";
  }
  return 1;
}
