// The digraph of all arcs from N sources to M targets, for LEMON's algorithms, without memory of its own. A file that
// includes this needs LEMON's headers; only discrete_ot.cpp does.
#pragma once

#ifndef LEMON_ONLY_TEMPLATES
#define LEMON_ONLY_TEMPLATES  // the templates need nothing of liblemon
#endif
#include <lemon/core.h>
// core.h comes first: it defines what the next one uses.
#include <lemon/bits/graph_extender.h>

#include <compare>

namespace monge::eval {

/// The members that LEMON requires of a static digraph ("concepts::Digraph" without the maps, which DigraphExtender
/// adds). LEMON's own FullDigraph has four times as many arcs. Nodes are 0..N-1 (sources) and N..N+M-1 (targets); arc i
/// M + j goes from source i to target j. Iteration descends and ends at -1, which is lemon::INVALID.
class BipartiteBase {
 public:
  template <class Kind>
  class Item {
   public:
    Item() = default;
    Item(lemon::Invalid) : id_(-1) {}  // NOLINT: LEMON converts implicitly
    explicit Item(int id) : id_(id) {}
    auto operator<=>(const Item&) const = default;

   private:
    friend class BipartiteBase;
    int id_ = -1;
  };
  using Node = Item<struct NodeKind>;
  using Arc = Item<struct ArcKind>;
  using Digraph = BipartiteBase;
  using NodeNumTag = lemon::True;
  using ArcNumTag = lemon::True;

  int nodeNum() const { return sources_ + targets_; }
  int arcNum() const { return sources_ * targets_; }
  int maxNodeId() const { return nodeNum() - 1; }
  int maxArcId() const { return arcNum() - 1; }

  template <class Kind>
  static int id(Item<Kind> item) {
    return item.id_;
  }
  static Node nodeFromId(int id) { return Node(id); }
  static Arc arcFromId(int id) { return Arc(id); }
  Node source(Arc arc) const { return Node(arc.id_ / targets_); }
  Node target(Arc arc) const { return Node(sources_ + arc.id_ % targets_); }

  void first(Node& node) const { node.id_ = maxNodeId(); }
  void first(Arc& arc) const { arc.id_ = maxArcId(); }
  template <class Kind>
  static void next(Item<Kind>& item) {
    --item.id_;
  }
  void firstOut(Arc& arc, const Node& node) const {
    arc.id_ = node.id_ < sources_ ? (node.id_ + 1) * targets_ - 1 : -1;
  }
  void nextOut(Arc& arc) const { arc.id_ = arc.id_ % targets_ == 0 ? -1 : arc.id_ - 1; }
  void firstIn(Arc& arc, const Node& node) const {
    arc.id_ = node.id_ < sources_ ? -1 : arcNum() - targets_ + node.id_ - sources_;
  }
  void nextIn(Arc& arc) const { arc.id_ = arc.id_ < targets_ ? -1 : arc.id_ - targets_; }

 protected:
  int sources_ = 0, targets_ = 0;
};

class BipartiteGraph : public lemon::DigraphExtender<BipartiteBase> {
 public:
  /// @param sources, targets  1 or more, with a product below 2^31.
  BipartiteGraph(int sources, int targets) {
    sources_ = sources;
    targets_ = targets;
  }
};

}  // namespace monge::eval
