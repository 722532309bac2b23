// Package template is what the library's build adds to text/template: which methods a template can call.
//
// text/template looks methods up by a name that it learns at run time. A linker that meets such a look-up keeps every
// exported method of every type, a third of the library. So scripts/build.py has text/template call methodByName in
// place of reflect.Value.MethodByName: the linker then keeps what is named in it. The test holds it against everything
// that a template of Helm's can get hold of.
package template
