#pragma once

#include <span>

#include "features/relationships/policy.h"

// Who lives on a demo server and what they write: plain data for demo.cc. All persons are invented.
namespace stampede::app {

struct DemoField {
  const char* name = nullptr;
  const char* value = nullptr;
};

struct DemoPerson {
  const char* username;
  const char* display_name;
  const char* note;
  const char* language;  // of what they usually write
  DemoField fields[3] = {};
  bool bot = false;
  bool locked = false;
};

struct DemoPost {
  int depth;  // 0 starts a thread; n answers the nearest post above with depth n - 1
  const char* author;
  const char* text;
  struct How {
    const char* language = nullptr;  // null: the author's
    const char* spoiler = "";
    relationships::Visibility visibility = relationships::Visibility::kPublic;
    int loved = 1;  // how much others like it: 0 not at all … 4 everybody
  } how = {};
};

// alice, bob and charlie first.
std::span<const DemoPerson> DemoPeople();
// Oldest thread first.
std::span<const DemoPost> DemoPosts();

}  // namespace stampede::app
