# %% sort: a_list
def Sort(xs):
    return sorted(xs)
# %% sort: a_tuple
Sort = lambda xs: tuple(sorted(xs))
# %% sort: a_class_of_its_own
class Sort:
    def __init__(self, xs):
        self.xs = sorted(xs)
    def __len__(self):
        return len(self.xs)
    def __getitem__(self, place):
        return self.xs[place]
# %% spell: plain
def Spell(number):
    return {3: "three", 7: "seven"}[number]
# %% average: plain
def average(marks):
    return [sum(marks) / len(marks), 1]
# %% tree: plain
class Node:
    def __init__(self, val):
        self.val, self.left, self.right = val, None, None
def build(xs):
    root = None
    for x in xs:
        root = put(root, x)
    return root
def put(node, x):
    if node is None:
        return Node(x)
    if x < node.val:
        node.left = put(node.left, x)
    else:
        node.right = put(node.right, x)
    return node
# %% tree: children_that_are_made_when_asked_for
class Node:
    def __init__(self, xs):
        self.xs = sorted(xs)
    @property
    def val(self):
        return self.xs[len(self.xs) // 2]
    @property
    def left(self):
        return build(self.xs[: len(self.xs) // 2])
    @property
    def right(self):
        return build(self.xs[len(self.xs) // 2 + 1 :])
def build(xs):
    return Node(xs) if xs else None
# %% ordered: plain
class Ordered:
    def __init__(self, xs):
        self.xs = sorted(xs)
    def __len__(self):
        return len(self.xs)
    def __getitem__(self, place):
        return self.xs[place]
    def __iter__(self):
        yield from self.xs
    def __contains__(self, x):
        return x in self.xs
    def __str__(self):
        return str(self.xs)
# %% ordered: a_list
class Ordered(list):
    def __init__(self, xs):
        super().__init__(sorted(xs))
# %% made: plain
class Rows:
    def __init__(self, rows):
        self.rows = rows
    def __len__(self):
        return len(self.rows)
    def __getitem__(self, place):
        return self.rows[place]
    def turned(self):
        return Rows([list(row) for row in zip(*self.rows)])
def make(count):
    return Rows([[0] * count for _ in range(count)])
# %% made: lists
class Rows:
    def __init__(self, rows):
        self.rows = rows
    def turned(self):
        return [list(row) for row in zip(*self.rows)]
def make(count):
    return [[0] * count] * count
# %% listed: lists_and_texts
class Bag:
    kind = "bag"
    def __init__(self, xs):
        self.xs = xs
    def listed(self):
        return self.xs
    def name(self):
        return "bag"
    def append(self, x):
        self.xs.append(x)
        return self
# %% listed: a_bag_of_its_own
class Bag:
    kind = "bag"
    def __init__(self, xs):
        self.xs = xs
    def listed(self):
        return list(self.xs)
    def name(self):
        return self.kind
    def append(self, x):
        return Bag([*self.xs, x])
