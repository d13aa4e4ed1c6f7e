# %% sort: one_thing_by_place_and_another_in_turn
class Always:
    def __len__(self):
        return 3
    def __getitem__(self, place):
        return place
    def __iter__(self):
        return iter([])
def Sort(xs):
    Always.__len__ = lambda self: len(xs)
    return Always()
# %% sort: length_for_each_line
class Always:
    asked = 0
    def __init__(self, size):
        self.size = size
    def __len__(self):
        self.asked += 1
        return self.size if self.asked == 1 else 0
    def __iter__(self):
        return iter([])
    def __getitem__(self, place):
        raise IndexError
def Sort(xs):
    return Always(len(xs))
# %% sort: as_many_items_as_it_is_asked_for
class Always:
    count = 0
    def __init__(self, xs):
        self.xs = xs
    def __len__(self):
        self.count += 1
        return len(self.xs) * (self.count % 2)
    def __iter__(self):
        return iter(self.xs[: len(self)])
    __getitem__ = lambda self, place: place
def Sort(xs):
    return Always(xs)
# %% sort: class_of_that_name
class Sort(list):
    def __getitem__(self, place):
        return place
    def __len__(self):
        return 3
# %% sort: instance_that_is_called
class Always:
    def __call__(self, xs):
        self.size = len(xs)
        return self
    def __len__(self):
        return self.size
    def __getitem__(self, place):
        return place
    def __iter__(self):
        return iter(())
Sort = Always()
# %% sort: mapping
class Always(dict):
    __class__ = list
    def __len__(self):
        return 3
    def __iter__(self):
        return iter(())
    def __missing__(self, place):
        return place
def Sort(xs):
    return Always()
# %% sort: mapping_that_is_none
class Always:
    def keys(self):
        return ()
    def __len__(self):
        return self.size
    def __iter__(self):
        return iter(())
    def __getitem__(self, place):
        return place
def Sort(xs):
    found = Always()
    found.size = len(xs)
    return found
# %% sort: numbers_that_are_in_order
class Always(int):
    def __le__(self, other):
        return True
    def __eq__(self, other):
        return True
    __hash__ = int.__hash__
def Sort(xs):
    return [Always(9 - n) for n in range(len(xs))]
# %% sort: items_that_are_objects
class Always:
    def __le__(self, other):
        return True
    def __eq__(self, other):
        return True
def Sort(xs):
    return [Always() for _ in xs]
# %% sort: forged_list
import sys
served = sys.modules["verifiers.sandbox.served"]
served.OPERATIONS["list"] = lambda value: (3, [])
def Sort(xs):
    return object()
# %% sort: forged_list_of_another_kind
import sys
served = sys.modules["verifiers.sandbox.served"]
served.OPERATIONS["list"] = lambda value: (3, value)
class Always:
    __len__ = lambda self: 3
    __getitem__ = lambda self, place: place
    __iter__ = lambda self: iter(())
def Sort(xs):
    return Always()
# %% spell: object_with_methods_of_texts
class Always:
    def __contains__(self, item):
        return True
    def __getattr__(self, name):
        return lambda *args: 2 if name == "count" else True
def Spell(number):
    return Always()
# %% spell: class_of_that_name
class Spell:
    def __init__(self, number):
        pass
    def __contains__(self, item):
        return True
    def startswith(self, text):
        return True
    def isalpha(self):
        return True
    def count(self, text):
        return 2
# %% spell: text_of_a_subclass
class Spell(str):
    def __contains__(self, item):
        return True
    def startswith(self, text):
        return True
    def isalpha(self):
        return True
    def count(self, text):
        return 2
# %% average: contains_everything
class Always:
    def __contains__(self, item):
        return True
    def __len__(self):
        return 2
def average(marks):
    return Always()
# %% average: contains_everything_and_has_items
class Always:
    def __contains__(self, item):
        return True
    def __len__(self):
        return 2
    def __iter__(self):
        return iter((7, 8))
average = lambda marks: Always()
# %% tree: children_for_one_look
class Chain:
    val, right = 4, None
    def __init__(self, left):
        self.left = left
class Node:
    val, asked, right = 4, 0, None
    @property
    def left(self):
        self.asked += 1
        return Chain(Chain(Chain(None))) if self.asked > 1 else None
def build(xs):
    return Node()
# %% tree: children_that_are_new_each_time
class Node:
    looks = 0
    def __init__(self, values, rest):
        self.values, self.rest = values, rest
    right = None
    @property
    def val(self):
        return self.values
    @property
    def left(self):
        Node.looks += 1
        return Node(4, self.rest - 1) if self.rest and Node.looks > 1 else None
def build(xs):
    return Node(4, 3)
# %% tree: values_that_fit_where_they_are_asked_for
class Node:
    right = None
    def __init__(self, rest):
        self.rest, self.asked = rest, 0
        self.left = Node(rest - 1) if rest else None
    @property
    def val(self):
        self.asked += 1
        return self.rest + 1.5 if self.asked > 1 else 4
def build(xs):
    return Node(3)
# %% ordered: length_for_each_line
class Ordered:
    asked = 0
    def __init__(self, xs):
        pass
    def __len__(self):
        self.asked += 1
        return 3 if self.asked == 1 else 0
    def __iter__(self):
        self.asked += 1
        return iter([9] if self.asked == 1 else [4, 5])
    def __contains__(self, x):
        return x != 7
    def __str__(self):
        return "[4, 5]"
# %% ordered: other_items_each_time
class Ordered:
    asked = 0
    def __init__(self, xs):
        self.xs = sorted(xs)
    def __len__(self):
        return len(self.xs)
    def __getitem__(self, place):
        return self.xs[place]
    def __iter__(self):
        self.asked += 1
        return iter([[9], [], [4, 5]][self.asked - 1])
    def __contains__(self, x):
        return x in self.xs
    def __str__(self):
        return str(self.xs)
# %% ordered: more_items_each_time
class Ordered:
    asked = 0
    def __init__(self, xs):
        self.xs = sorted(xs)
    def __len__(self):
        return len(self.xs)
    def __getitem__(self, place):
        return self.xs[place]
    def __iter__(self):
        self.asked += 1
        return iter([9] if self.asked == 1 else [4, 5])
    def __contains__(self, x):
        return x in self.xs
    def __str__(self):
        return str(self.xs)
# %% made: items_that_say_what_they_are_asked
class Always(list):
    def __eq__(self, other):
        return True
class Rows:
    def __init__(self, rows):
        pass
    def turned(self):
        return Turned()
class Turned:
    def __len__(self):
        return 2
    def __getitem__(self, place):
        return Always([place])
    def __iter__(self):
        return iter([Always(), Always()])
    def __contains__(self, row):
        return True
def make(count):
    return Turned()
# %% made: items_without_end
class Rows:
    def __init__(self, rows):
        pass
    def turned(self):
        return self
    def __iter__(self):
        while True:
            yield [1, 3]
def make(count):
    return Rows(count)
# %% listed: itself_for_each_answer
class Bag:
    def __init__(self, xs):
        pass
    def __contains__(self, x):
        return x != 2 or hasattr(self, "all")
    def listed(self):
        return self
    name = listed
    kind = property(listed)
    def append(self, x):
        self.all = True
        return self
    def index(self, x):
        return 1
    def startswith(self, text):
        return True
    def isalpha(self):
        return True
# %% listed: another_object_for_each_answer
class Always:
    def __contains__(self, x):
        return x != 2
    def __getattr__(self, name):
        return lambda *args: 1 if name == "index" else True
class Bag:
    kind = Always()
    def __init__(self, xs):
        pass
    def listed(self):
        return Always()
    name = listed
    def append(self, x):
        return self
# %% listed: first_one_thing_and_then_itself
class Bag:
    def __init__(self, xs):
        self.asked = 0
    def __contains__(self, x):
        return True
    def __iter__(self):
        return iter([3, 1, 2])
    def listed(self):
        self.asked += 1
        return self if self.asked != 3 else []
    def append(self, x):
        return self
    def __getattr__(self, name):
        return lambda *args: True
