'use strict';
// Mocha's spec reporter, with a last line that CI can add up: "N passed, N failed".
const { Spec } = require('mocha').reporters;

module.exports = class extends Spec {
  epilogue() {
    super.epilogue();
    console.log(`${this.stats.passes} passed, ${this.stats.failures} failed`);
  }
};
