/** What we use of WebAssembly: neither Node's types nor the language's have it, and those of browsers would bring all of the DOM. */
declare namespace WebAssembly {
  class Module {
    private readonly isModule;
  }
  class Memory {
    readonly buffer: ArrayBuffer;
  }
  class Table {
    constructor(descriptor: { element: 'anyfunc'; initial: number });
  }
  class Global {
    constructor(descriptor: { value: 'i32'; mutable: boolean }, value: number);
  }
  class Instance {
    constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  function compile(bytes: ArrayBuffer | Uint8Array): Promise<Module>;
}
