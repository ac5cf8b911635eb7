// The reference of `make bench-assignment`: LEMON's network simplex on a DIMACS file. Prints the objective and the CPU
// seconds that LEMON took, from the graph in its own form to the optimal flow.
#include <lemon/network_simplex.h>
#include <lemon/smart_graph.h>

#include <cstdio>
#include <ctime>
#include <vector>

using namespace lemon;

static long long number(FILE *in) {
  int c = getc_unlocked(in);
  while (c != '-' && (c < '0' || c > '9')) c = getc_unlocked(in);
  bool negative = c == '-';
  if (negative) c = getc_unlocked(in);
  long long v = 0;
  for (; c >= '0' && c <= '9'; c = getc_unlocked(in)) v = v * 10 + (c - '0');
  ungetc(c, in);
  return negative ? -v : v;
}

int main(int argc, char **argv) {
  FILE *in = argc > 1 ? fopen(argv[1], "r") : nullptr;
  if (!in) return 2;
  std::vector<long long> supply, cost;
  std::vector<int> from, to, low, capacity;
  for (int c; (c = getc_unlocked(in)) != EOF;) {
    if (c == 'p') {
      supply.resize(number(in));
      long long arcs = number(in);
      from.reserve(arcs), to.reserve(arcs), low.reserve(arcs), capacity.reserve(arcs), cost.reserve(arcs);
    } else if (c == 'n') {
      long long v = number(in);
      supply[v - 1] = number(in);
    } else if (c == 'a') {
      from.push_back(number(in) - 1), to.push_back(number(in) - 1);
      low.push_back(number(in)), capacity.push_back(number(in)), cost.push_back(number(in));
    }
    while (c != '\n' && c != EOF) c = getc_unlocked(in);
  }
  SmartDigraph g;
  g.reserveNode(supply.size());
  g.reserveArc(from.size());
  for (size_t i = 0; i < supply.size(); i++) g.addNode();
  for (size_t i = 0; i < from.size(); i++) g.addArc(g.nodeFromId(from[i]), g.nodeFromId(to[i]));
  SmartDigraph::NodeMap<int> s(g);
  SmartDigraph::ArcMap<int> l(g), u(g);
  SmartDigraph::ArcMap<long long> w(g);
  for (size_t i = 0; i < supply.size(); i++) s[g.nodeFromId(i)] = supply[i];
  for (size_t i = 0; i < from.size(); i++) {
    SmartDigraph::Arc a = g.arcFromId(i);
    l[a] = low[i], u[a] = capacity[i], w[a] = cost[i];
  }
  timespec a, b;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
  NetworkSimplex<SmartDigraph, int, long long> ns(g);
  ns.lowerMap(l).upperMap(u).costMap(w).supplyMap(s);
  bool optimal = ns.run() == NetworkSimplex<SmartDigraph, int, long long>::OPTIMAL;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
  if (!optimal) return 1;
  printf("%lld %.6f\n", ns.totalCost<long long>(), double(b.tv_sec - a.tv_sec) + 1e-9 * double(b.tv_nsec - a.tv_nsec));
}
