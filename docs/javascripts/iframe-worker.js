// A page that is read as a file may start no Worker, which the search is: there it runs in a hidden frame instead.
// (Zensical would load such a stand-in from the network, unless one with "iframe-worker" in its name is configured.)
if (location.protocol === "file:") {
  window.Worker = class {
    onmessage = null;
    onerror = null;
    onmessageerror = null;
    #frame = document.createElement("iframe");
    #waiting = []; // what was sent before the script could take it
    #send = (data) => this.#waiting.push(data);

    constructor(url) {
      const source = new URL(url, location.href).href;
      this.#frame.hidden = true;
      this.#frame.title = "search";
      this.#frame.srcdoc = "<!doctype html><title>search</title>";
      this.#frame.onload = () => {
        const inside = this.#frame.contentWindow;
        inside.postMessage = (data) => setTimeout(() => this.onmessage?.({ data }));
        this.#send = (data) => setTimeout(() => inside.onmessage?.({ data }));
        const script = inside.document.createElement("script");
        script.onload = () => this.#waiting.splice(0).forEach(this.#send);
        script.onerror = (error) => this.onerror?.(error);
        script.src = source;
        inside.document.body.append(script);
      };
      document.body.append(this.#frame);
    }

    postMessage(data) {
      this.#send(data);
    }

    terminate() {
      this.#frame.remove();
    }
  };
}
