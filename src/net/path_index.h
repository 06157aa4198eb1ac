#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/request.h"

namespace stampede::net {

// Finds the route row of a method and path: one hash look-up for literal paths, a walk over a trie
// of segments for the others. What patterns mean is told at Route. Built once, then thread-safe.
class PathIndex {
 public:
  struct Match {
    int row = -1;                        // none: see `allowed`
    std::vector<std::string_view> args;  // views into the path asked for
    std::vector<Method> allowed;         // when no row fits: the methods the path has rows for
  };

  PathIndex();
  ~PathIndex();

  // The shape must be new: RouteTable sees to it.
  void Add(Method method, std::string_view pattern, int row);
  Match Find(Method method, std::string_view path) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stampede::net
