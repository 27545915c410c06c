#include "autograd/audit.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <map>
#include <ostream>
#include <set>
#include <sstream>

#include "autograd/tape.h"

namespace chainline {
namespace {

/// "scope" -> ids of the nodes in it; the text of a DOT identifier in quotes.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string shapes_of(const std::vector<Shape>& shapes) {
  std::ostringstream out;
  for (std::size_t i = 0; i < shapes.size(); ++i) out << (i == 0 ? "" : " ") << shapes[i];
  return out.str();
}

std::vector<Shape> input_shapes(const Node& node) {
  std::vector<Shape> shapes;
  for (const Node::Edge& edge : node.inputs()) shapes.push_back(edge.shape);
  return shapes;
}

std::string figure(double x) {
  std::ostringstream out;
  out << std::scientific << std::setprecision(2) << x;
  return out.str();
}

}  // namespace

GradientSize size_of_gradients(const Variables& gradients) {
  GradientSize size;
  double squares = 0;
  std::int64_t finite = 0;
  for (const Variable& g : gradients) {
    if (!g.defined()) continue;
    for (const double x : g.value().to(DType::f64).to_vector<double>()) {
      if (!std::isfinite(x)) {
        ++size.nonfinite;
        continue;
      }
      size.max = std::max(size.max, std::fabs(x));
      squares += x * x;
      ++finite;
    }
  }
  size.rms = finite == 0 ? 0 : std::sqrt(squares / static_cast<double>(finite));
  return size;
}

void GradientTable::on_node(const Node& node, const Variables& grad_outputs,
                            const Variables& grad_inputs) {
  rows_.push_back({node.sequence(), std::string(node.name()), node.scope(), input_shapes(node),
                   node.saved_bytes(), size_of_gradients(grad_outputs),
                   size_of_gradients(grad_inputs)});
}

const GradientRow* GradientTable::birth_of_nonfinite() const {
  for (const GradientRow& row : rows_) {
    if (row.grad_out.nonfinite > 0 && row.grad_in.nonfinite == 0) return &row;
  }
  return nullptr;
}

void GradientTable::print(std::ostream& out) const {
  const std::vector<std::string> head{"#",          "op",          "saved B",     "max |g in|",
                                      "rms |g in|", "max |g out|", "rms |g out|", "nonfinite",
                                      "inputs",     "module"};
  std::vector<std::vector<std::string>> lines{head};
  for (const GradientRow& r : rows_) {
    lines.push_back({std::to_string(r.sequence), r.op, std::to_string(r.saved_bytes),
                     figure(r.grad_in.max), figure(r.grad_in.rms), figure(r.grad_out.max),
                     figure(r.grad_out.rms), std::to_string(r.grad_out.nonfinite),
                     shapes_of(r.input_shapes), r.scope});
  }
  std::vector<std::size_t> widths(head.size(), 0);
  for (const auto& line : lines) {
    for (std::size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], line[c].size());
  }
  for (const auto& line : lines) {
    for (std::size_t c = 0; c < line.size(); ++c) {
      const bool text = c == 1 || c >= 8;  // names to the left, figures to the right
      if (c + 1 == line.size()) {
        out << line[c] << "\n";
      } else {
        out << (text ? std::left : std::right) << std::setw(static_cast<int>(widths[c])) << line[c]
            << "  ";
      }
    }
  }
  out << std::right;
}

std::string tape_as_dot(const Variables& outputs) {
  // Numbered in the order they were recorded, so that the same program draws the same graph.
  const std::vector<Node*> nodes = nodes_behind(outputs);
  std::map<const void*, std::string> ids;
  std::map<std::string, std::vector<std::string>> clusters;
  std::ostringstream edges, leaves;
  for (std::size_t n = 0; n < nodes.size(); ++n) {
    const Node& node = *nodes[n];
    const std::string id = "op" + std::to_string(n);
    ids[&node] = id;
    std::vector<Shape> shapes;
    for (const Node::Output& output : node.outputs()) shapes.push_back(output.shape);
    clusters[node.scope()].push_back(
        id + " [label=" + quoted(std::string(node.name()) + " " + shapes_of(shapes)) +
        ", tooltip=" + quoted("saves " + std::to_string(node.saved_bytes()) + " bytes") + "];");
    for (const Node::Edge& edge : node.inputs()) {
      if (edge.node != nullptr) {
        edges << "  " << ids[edge.node.get()] << " -> " << id << ";\n";
      } else if (edge.leaf.defined()) {
        std::string& leaf = ids[edge.leaf.id()];
        if (leaf.empty()) {
          leaf = "leaf" + std::to_string(ids.size());
          const std::string& name = edge.leaf.name();
          leaves << "  " << leaf << " [shape=ellipse, label="
                 << quoted((name.empty() ? "parameter" : name) + " " + to_string(edge.shape))
                 << "];\n";
        }
        edges << "  " << leaf << " -> " << id << ";\n";
      }
    }
  }
  std::ostringstream dot;
  dot << "digraph tape {\n  rankdir=TB;\n  node [shape=box];\n" << leaves.str();
  std::size_t number = 0;
  for (const auto& [scope, lines] : clusters) {
    if (scope.empty()) {
      for (const std::string& line : lines) dot << "  " << line << "\n";
      continue;
    }
    dot << "  subgraph cluster_" << number++ << " {\n    label=" << quoted(scope) << ";\n";
    for (const std::string& line : lines) dot << "    " << line << "\n";
    dot << "  }\n";
  }
  dot << edges.str() << "}\n";
  return dot.str();
}

}  // namespace chainline
